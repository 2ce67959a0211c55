package browsertest

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"testing"
)

// A picture keeps its size, and every colour of its page, however small the spot that has it, to the eye.
func TestAKeptPictureLooksTheSame(t *testing.T) {
	page := image.NewRGBA(image.Rect(0, 0, 300, 200))
	shades := rand.New(rand.NewPCG(1, 2))
	for y := range 200 {
		for x := range 300 {
			c := color.RGBA{238, 241, 244, 255}
			if y > 100 { // the shades of letters
				c = color.RGBA{uint8(shades.UintN(256)), uint8(shades.UintN(256)), uint8(shades.UintN(256)), 255}
			}
			if x < 8 && y < 8 { // a mark
				c = color.RGBA{179, 38, 30, 255}
			}
			page.Set(x, y, c)
		}
	}
	var whole bytes.Buffer
	if err := png.Encode(&whole, page); err != nil {
		t.Fatal(err)
	}
	kept, err := smaller(whole.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(kept))
	if err != nil || got.Bounds() != page.Bounds() || len(kept) >= whole.Len() {
		t.Fatalf("%v, %v, %d bytes of %d", err, got.Bounds(), len(kept), whole.Len())
	}
	for _, at := range []image.Point{{4, 4}, {20, 20}, {299, 99}} {
		if want, is := page.RGBAAt(at.X, at.Y), color.RGBAModel.Convert(got.At(at.X, at.Y)).(color.RGBA); want != is {
			t.Errorf("at %v the colour is %v, want %v", at, is, want)
		}
	}
	if _, err := smaller([]byte("no picture")); err == nil {
		t.Error("what is no picture was taken for one")
	}
}
