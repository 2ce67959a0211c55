package terminal

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the empty frame that a scanner needs around a QR code, in its modules (ISO/IEC 18004 §5.3.8).
const quietZone = 4

// DrawQR draws a QR code with two modules in a character. With escape it sets both colours, black on white, so that it can be
// scanned on a dark and on a light terminal; without, it is drawn for dark letters on a light ground.
func DrawQR(text string, escape bool) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("draw the QR code: %w", err)
	}
	var out strings.Builder
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		if escape {
			out.WriteString("\x1b[38;5;16;48;5;231m") // of the 256 colours: those the theme does not change
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
