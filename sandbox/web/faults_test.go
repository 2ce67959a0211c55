package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/sandbox"
)

func TestEachSwitchTurnsItsFaultAndNoOther(t *testing.T) {
	for name, want := range map[string]sandbox.Faults{
		"flood":        {FloodWait: 5 * time.Second},
		"server-error": {ServerError: true},
		"bad-gateway":  {BadGateway: true},
		"lose-answer":  {LoseAnswer: true},
		"hang":         {Hang: true},
		"down":         {Down: true},
		"reset":        {Reset: true},
		"unauthorized": {Unauthorized: true},
		"conflict":     {Conflict: true},
		"webhook":      {WebhookSet: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			if now := do[map[string]bool](p, "PUT", "/faults/"+name, object{"on": true}); !now[name] {
				t.Errorf("the answer says %v", now)
			}
			if diff := cmp.Diff(want, p.telegram.Faults()); diff != "" {
				t.Error(diff)
			}
			do[map[string]bool](p, "PUT", "/faults/"+name, object{"on": false})
			if diff := cmp.Diff(sandbox.Faults{}, p.telegram.Faults()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSwitchesAddUpAndAllGoOff(t *testing.T) {
	p := newPage(t)
	p.telegram.SetFaults(sandbox.Faults{FailEvery: 3}) // has no switch, and stays
	do[map[string]bool](p, "PUT", "/faults/flood", object{"on": true})
	do[map[string]bool](p, "PUT", "/faults/conflict", object{"on": true})
	want := sandbox.Faults{FailEvery: 3, FloodWait: 5 * time.Second, Conflict: true}
	if diff := cmp.Diff(want, p.telegram.Faults()); diff != "" {
		t.Error(diff)
	}
	for name, on := range do[map[string]bool](p, "DELETE", "/faults", nil) {
		if on {
			t.Errorf("%s is still on", name)
		}
	}
	if diff := cmp.Diff(sandbox.Faults{}, p.telegram.Faults()); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownSwitchAndMissingPositionAreRefused(t *testing.T) {
	p := newPage(t)
	p.refused(http.StatusNotFound, "PUT", "/faults/nonsense", object{"on": true})
	p.refused(http.StatusUnprocessableEntity, "PUT", "/faults/flood", object{})
	p.refused(http.StatusBadRequest, "PUT", "/faults/flood", object{"on": "yes"})
	if diff := cmp.Diff(sandbox.Faults{}, p.telegram.Faults()); diff != "" {
		t.Error(diff)
	}
}
