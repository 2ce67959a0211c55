package terminal

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quietZone is the width of the empty frame that a scanner needs around a QR code, in modules (ISO/IEC 18004 §5.3.8).
const quietZone = 4

// DrawQR draws a QR code with two modules per character. With escape it sets both colours, black on white, so that a scanner can read it on
// dark and light terminals. Without, it is for dark letters on a light background.
func DrawQR(text string, escape bool) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("draw the QR code: %w", err)
	}
	var out strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		if escape {
			out.WriteString("\x1b[38;5;16;48;5;231m") // from the 256 colours: a theme does not change them
		}
		for x := -quietZone; x < code.Size+quietZone; x++ {
			switch top, bottom := code.Black(x, y), code.Black(x, y+1); {
			case top && bottom:
				out.WriteString("█")
			case top:
				out.WriteString("▀")
			case bottom:
				out.WriteString("▄")
			default:
				out.WriteString(" ")
			}
		}
		if escape {
			out.WriteString("\x1b[0m")
		}
		out.WriteString("\n")
	}
	return out.String(), nil
}
