package terminal

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// The drawing shows every module of the code inside the empty frame that a scanner needs. With escape, each line sets its colours.
func TestQRCodeIsDrawnWhole(t *testing.T) {
	const link = "tg://login?token=AQIDBAUGBwgJCgsMDQ4PEA"
	code, err := qr.Encode(link, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	for _, escape := range []bool{false, true} {
		picture, err := DrawQR(link, escape)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(picture, "\n"), "\n")
		if want := (code.Size + 2*4 + 1) / 2; len(lines) != want {
			t.Fatalf("%d lines, want %d", len(lines), want)
		}
		black := 0
		for row, line := range lines {
			if escape {
				inner, ok := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
				inner, okEnd := strings.CutSuffix(inner, "\x1b[0m")
				if !ok || !okEnd {
					t.Fatalf("line %d does not set its colours: %q", row, line)
				}
				line = inner
			}
			cells := []rune(line)
			if len(cells) != code.Size+2*4 {
				t.Fatalf("line %d has %d cells", row, len(cells))
			}
			for column, cell := range cells {
				x, y := column-4, 2*row-4
				top, bottom := cell == '█' || cell == '▀', cell == '█' || cell == '▄'
				for i, drawn := range []bool{top, bottom} {
					inside := x >= 0 && y+i >= 0 && x < code.Size && y+i < code.Size
					if drawn != (inside && code.Black(x, y+i)) {
						t.Errorf("module %d,%d is drawn %v", x, y+i, drawn)
					}
					if drawn {
						black++
					}
				}
			}
		}
		if black < code.Size {
			t.Errorf("only %d black modules", black)
		}
	}
}
