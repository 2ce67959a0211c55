//go:build !nomtproto

package userclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
)

// qrTime is how long a QR code is shown if Telegram's clock and ours differ; Telegram's codes last 30 s.
const qrTime = 25 * time.Second

// QR starts signing in with a QR code, which a device of the account scans (Settings, Devices, Link desktop device).
func (s *SignIn) QR(ctx context.Context) (Step, error) {
	return s.run(ctx, []Want{WantPhone, WantScan}, s.showQR)
}

// Scanned waits until the QR code is scanned and returns the next step, or a new code if it expires first. If ctx ends first,
// the step stays, and SignIn.Phone may be called instead.
func (s *SignIn) Scanned(caller context.Context) (Step, error) {
	return s.run(caller, []Want{WantScan}, func(ctx context.Context) (Step, error) {
		timer := time.NewTimer(time.Until(s.step.Expires))
		defer timer.Stop()
		select {
		case <-s.scanned:
		case <-timer.C:
		case <-s.conn.ctx.Done():
			return Step{}, s.conn.ctx.Err()
		case <-caller.Done():
			return s.step, nil
		}
		return s.showQR(ctx)
	})
}

// showQR asks for a QR code. If the last one was scanned, Telegram answers with the login instead.
func (s *SignIn) showQR(ctx context.Context) (Step, error) {
	api := s.conn.library.API()
	token, err := api.AuthExportLoginToken(ctx, &tg.AuthExportLoginTokenRequest{APIID: s.app.ID, APIHash: s.app.Hash})
	if move, ok := token.(*tg.AuthLoginTokenMigrateTo); ok && err == nil {
		if err = s.conn.library.MigrateTo(ctx, move.DCID); err == nil { // the account lives in another data centre
			token, err = api.AuthImportLoginToken(ctx, move.Token)
		}
	}
	if tgerr.Is(err, "SESSION_PASSWORD_NEEDED") {
		return s.password(ctx)
	}
	if err != nil {
		return Step{}, err
	}
	switch token := token.(type) {
	case *tg.AuthLoginToken:
		expires := time.Unix(int64(token.Expires), 0)
		if left := time.Until(expires); left < 2*time.Second || left > time.Minute {
			expires = time.Now().Add(qrTime)
		}
		return Step{Want: WantScan, URL: "tg://login?token=" + base64.URLEncoding.EncodeToString(token.Token), Expires: expires}, nil
	case *tg.AuthLoginTokenSuccess:
		return s.done(ctx, token.Authorization)
	default:
		return Step{}, fmt.Errorf("%w: Telegram asks for something that telegate does not support", ErrSignIn)
	}
}
