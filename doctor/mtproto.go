package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"telegate/config"
	"telegate/internal/telegram"
	"telegate/internal/terminal"
	"telegate/userclient"
)

// checkMTProto connects to Telegram's data centres. Only a user session, and a bot over MTProto, need them.
func (d *Doctor) checkMTProto(ctx context.Context) []Finding {
	t := d.cfg.Messaging.Telegram
	if !userclient.InBuild {
		f := Finding{"mtproto", Skip, "MTProto is not in this build (build tag nomtproto); a bot does not need it.", ""}
		if d.needsMTProto() || t.Fallback.Enabled {
			f = Finding{"mtproto", Fail, terminal.Sentence(userclient.ErrNotInBuild.Error()), ""}
		}
		return []Finding{f}
	}
	if p := t.MTProxy; p.Host != "" {
		return []Finding{d.checkMTProxy(ctx, p)}
	}
	if !d.needsMTProto() && !t.Fallback.Enabled {
		return []Finding{{"mtproto", Skip, "Not needed: the configuration has no apiid, apihash or session, so nothing uses the data centres.", ""}}
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	connecting, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	connect := func(ctx context.Context, address string) error {
		conn, err := d.net.Dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	next := "Something on the way blocks MTProto: set a proxy."
	if proxy := t.MTProtoProxy(); proxy != "" {
		next = "The proxy, or something behind it, blocks MTProto: set another one."
		u, err := url.Parse(proxy.Reveal())
		if err != nil {
			return nil // config has checked it
		}
		connect = func(ctx context.Context, address string) error { return d.net.tunnel(ctx, u, address) }
	}
	errs := make([]error, len(d.net.DataCentres))
	var all sync.WaitGroup
	for i, address := range d.net.DataCentres {
		all.Go(func() { errs[i] = connect(connecting, address) })
	}
	all.Wait()
	var missing []string
	for i, err := range errs {
		if err != nil {
			missing = append(missing, fmt.Sprint(i+1))
		}
	}
	f := Finding{"mtproto", OK, fmt.Sprintf("All %d data centres can be reached.", len(errs)), ""}
	switch {
	case len(missing) == 0 && d.needsMTProto():
		f = d.askDataCentre(ctx, Finding{f.Check, f.Status, strings.TrimSuffix(f.Detail, ".") + ", and Telegram answers.", ""},
			Finding{f.Check, Fail, "The data centres accept connections, but Telegram does not answer.", next})
	case len(missing) == 0:
	case len(missing) < len(errs):
		f.Status, f.Detail = Warn, "Data centres "+strings.Join(missing, ", ")+" cannot be reached; accounts on them cannot be used."
		f.Next = "Check the firewall: port 443 of 149.154.160.0/20 and 91.108.56.0/22, or set a proxy."
	default:
		f.Status, f.Detail = Fail, "None of Telegram's data centres can be reached."
		f.Next = "Check the firewall: port 443 of 149.154.160.0/20 and 91.108.56.0/22, or set a proxy."
	}
	return []Finding{f}
}

// accountTimeout limits checks that exchange a key: that takes a second of CPU time, and more on a small machine.
const accountTimeout = 15 * time.Second

// checkMTProxy checks whether an MTProxy answers and accepts the secret. Only a complete exchange with a data centre shows the latter.
func (d *Doctor) checkMTProxy(ctx context.Context, p config.MTProxy) Finding {
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	name := "The MTProxy " + p.Address()
	conn, err := d.net.Dial(ctx, "tcp", p.Address())
	if err != nil {
		detail, _ := connectionTrouble(err)
		return Finding{"mtproto", Fail, name + " " + detail, "Check ip and port of proxy, and whether the proxy runs."}
	}
	_ = conn.Close()
	if !d.needsMTProto() {
		return Finding{"mtproto", Skip, name + " accepts connections; the secret can only be checked with apiid and apihash.", ""}
	}
	return d.askDataCentre(ctx, Finding{"mtproto", OK, "A data centre answers through " + p.Address() + ".", ""},
		Finding{"mtproto", Fail, name + " accepts connections, but Telegram does not answer through it.",
			"Compare the secret with the one from the proxy's owner; if it is right, the proxy itself cannot reach Telegram."})
}

// askDataCentre does a complete exchange with a data centre and returns ok if it works, or noAnswer: something on the way may accept connections
// and block the rest.
func (d *Doctor) askDataCentre(ctx context.Context, ok, noAnswer Finding) Finding {
	app, err := telegram.NewApp(d.cfg.Messaging.Telegram, nil, d.servers...)
	if err == nil {
		err = userclient.Reach(ctx, app)
	}
	switch {
	case err == nil:
		return ok
	case errors.Is(err, userclient.ErrApp), errors.Is(err, userclient.ErrProxy), errors.Is(err, userclient.ErrDead):
		return Finding{"mtproto", Fail, terminal.Sentence(err.Error()), ""}
	}
	return noAnswer
}

// needsMTProto reports whether the configuration uses MTProto.
func (d *Doctor) needsMTProto() bool {
	t := d.cfg.Messaging.Telegram
	return t.Session != "" || t.APIID != 0 && t.APIHash != ""
}
