package api_test

import (
	"strings"
	"testing"
)

// typedForms are a code as keyboards, web pages and input methods of the world hand it over.
var typedForms = map[string]func(code string) string{
	"Arabic digits":     script('٠'),
	"Persian digits":    script('۰'),
	"full width":        script('０'),
	"NBSP inside":       func(c string) string { return c[:3] + "\u00a0" + c[3:] },
	"narrow NBSP":       func(c string) string { return c[:3] + "\u202f" + c[3:] },
	"line end behind":   func(c string) string { return c + "\r\n" },
	"tab in front":      func(c string) string { return "\t" + c },
	"BOM in front":      func(c string) string { return "\ufeff" + c },
	"direction marks":   func(c string) string { return "\u200e" + c + "\u200f" },
	"zero width behind": func(c string) string { return c + "\u200b" },
	"en dash inside":    func(c string) string { return c[:3] + "–" + c[3:] },
}

// script writes a code in the digits of another script.
func script(zero rune) func(code string) string {
	return func(code string) string {
		return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
	}
}

func TestACodeIsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for name, form := range typedForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.link("", "alice", alice)
			id := g.verify("alice", "s1")
			a := g.call("POST", "/v1/verifications/"+id+"/check", object{"code": form(g.Code(alice)), "session_binding": "s1"})
			if a.str("result") != "approved" {
				t.Errorf("the answer to a right code is %s", a.body)
			}
		})
	}
}

func TestAConfirmCodeIsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for name, form := range typedForms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			started := g.call("POST", "/v1/links", object{"user": "alice", "session_binding": "s1"})
			g.Claim(alice, started.str("start_url"))
			g.Accept(alice, started.str("id"))
			a := g.call("POST", "/v1/links/"+started.str("id")+"/confirm", object{"code": form(g.Code(alice)), "session_binding": "s1"})
			if a.str("result") != "verified" {
				t.Errorf("the answer to a right code is %s", a.body)
			}
		})
	}
}
