//go:build nomtproto

package userclient_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"telegate/delivery"
	"telegate/userclient"
)

// A client of a build without MTProto runs, reports a final state once, and sends nothing.
func TestAClientOfABuildWithoutMTProto(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var alarms []userclient.Status
	c, err := userclient.New(userclient.Options{
		App: userclient.App{ID: 1, Hash: testHash}, Session: gramJS(4, "149.154.167.91", someKey),
		OnAlarm: func(s userclient.Status) { alarms = append(alarms, s); cancel() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx); err != nil || len(alarms) != 1 {
		t.Errorf("Run: %v after %d alarms", err, len(alarms))
	}
	const detail = "This build of telegate has no MTProto (build tag nomtproto): install a full build of telegate, " +
		"or remove session and the section fallback from the configuration."
	if s := c.Status(); !reflect.DeepEqual(s, alarms[0]) || !s.State.Final() || s.Detail != detail {
		t.Errorf("status %+v", s)
	}
	var e *delivery.SendError
	err = c.Send(t.Context(), delivery.Recipient{ChatID: 1}, delivery.Part{})
	if !errors.As(err, &e) || e.Class != delivery.Unauthorized || e.Failure.Detail != detail || !errors.Is(err, userclient.ErrNotInBuild) {
		t.Errorf("send: %v", err)
	}
	if _, err := c.Resolve(t.Context(), "alice"); !errors.Is(err, userclient.ErrNotInBuild) {
		t.Errorf("resolve: %v", err)
	}
}

// Options are checked as in a full build.
func TestOptionsOfABuildWithoutMTProto(t *testing.T) {
	app := userclient.App{ID: 1, Hash: testHash}
	for want, o := range map[error]userclient.Options{
		userclient.ErrApp:     {},
		userclient.ErrSession: {App: app, Session: testToken},
		userclient.ErrToken:   {App: app, BotToken: "hello"},
	} {
		if _, err := userclient.New(o); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if c, err := userclient.New(userclient.Options{App: app, BotToken: testToken}); err != nil || c.Name() != "bot-mtproto" {
		t.Errorf("a bot: %v", err)
	}
}

func TestEveryCallOfABuildWithoutMTProtoSaysSo(t *testing.T) {
	ctx := t.Context()
	var app userclient.App
	var s userclient.Session
	_, _, signIn := userclient.StartSignIn(ctx, app)
	_, verify := userclient.Verify(ctx, app, s)
	for name, err := range map[string]error{
		"StartSignIn": signIn, "Verify": verify, "Reach": userclient.Reach(ctx, app), "LogOut": userclient.LogOut(ctx, app, s),
		"Keep": userclient.SaveSession(ctx, nil, s, userclient.Person{}),
	} {
		if !errors.Is(err, userclient.ErrNotInBuild) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
