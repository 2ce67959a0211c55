//go:build !nomtproto

package userclient_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/userclient"
	"telegate/userclient/datacenter"
)

// All traffic goes through the proxy: the client connects and sends.
func TestMTProtoThroughProxies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.makesKey()
	r.tel.AddGroup(-700, 0)
	socks := datacenter.StartSOCKS5(t, "", "")
	login := datacenter.StartSOCKS5(t, "user", "p@ss word")
	tunnel := datacenter.StartHTTPProxy(t, "", "")
	tunnelLogin := datacenter.StartHTTPProxy(t, "user", "p@ss word")
	secure := datacenter.StartHTTPSProxy(t, certificate, "user", "p@ss word")
	mtproxy := datacenter.StartMTProxy(t, r.tel, proxyKey, false)
	fakeTLS := datacenter.StartMTProxy(t, r.tel, proxyKey, true)
	userinfo := url.UserPassword("user", "p@ss word").String()
	for name, c := range map[string]struct {
		address string
		proxy   *datacenter.Proxy
	}{
		"SOCKS5":                {"socks5://" + socks.Address, socks},
		"SOCKS5 with a login":   {"socks5h://" + userinfo + "@" + login.Address, login},
		"HTTP":                  {"http://" + tunnel.Address, tunnel},
		"HTTP with a login":     {"http://" + userinfo + "@" + tunnelLogin.Address, tunnelLogin},
		"HTTPS with a login":    {"https://" + userinfo + "@" + secure.Address, secure},
		"MTProxy":               {"mtproxy://" + plainKey + "@" + mtproxy.Address, mtproxy},
		"MTProxy with padding":  {"mtproxy://" + paddedKey + "@" + mtproxy.Address, mtproxy},
		"MTProxy as a website":  {"mtproxy://" + fakeTLSKey + "@" + fakeTLS.Address, fakeTLS},
		"MTProxy from its link": {"tg://proxy?server=127.0.0.1&port=" + port(mtproxy.Address) + "&secret=" + paddedKey, mtproxy},
	} {
		t.Run(name, func(t *testing.T) {
			address, err := userclient.ParseProxy(c.address)
			if err != nil {
				t.Fatal(err)
			}
			before := c.proxy.Connections()
			bot := r.start(func(o *userclient.Options) { o.BotToken, o.Proxy = testToken, address })
			defer bot.stop()
			await(t, bot.connected)
			to, part := code(-700, "msg_"+name)
			bot.must(to, part)
			if c.proxy.Connections() == before {
				t.Error("nothing went through the proxy")
			}
		})
	}
	if n := len(r.tel.Sent()); n != 9 {
		t.Errorf("%d messages", n)
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// If a proxy refuses or is missing, the state says so, and the client keeps trying.
func TestAProxyThatRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.makesKey()
	for name, address := range map[string]string{
		"wrong SOCKS5 login": "socks5://user:wrong@" + datacenter.StartSOCKS5(t, "user", "right").Address,
		"wrong HTTP login":   "http://user:wrong@" + datacenter.StartHTTPProxy(t, "user", "right").Address,
		"nobody there":       "socks5://127.0.0.1:1",
		"no TLS there":       "https://user:wrong@" + datacenter.StartHTTPProxy(t, "", "").Address,
	} {
		t.Run(name, func(t *testing.T) {
			proxy, err := userclient.ParseProxy(address)
			if err != nil {
				t.Fatal(err)
			}
			log := newTestLog()
			c := r.start(func(o *userclient.Options) { o.BotToken, o.Proxy, o.App.Logger = testToken, proxy, log.logger() })
			log.await(t, "Restarting connection") // the first attempt has failed
			e := c.send(code(alice.ID, "msg_1"))
			if e == nil || !e.Network || e.Unknown || !strings.Contains(e.Failure.Detail, "cannot be reached") {
				t.Errorf("send: %+v", e)
			}
			c.stop()
			if strings.Contains(log.text()+r.log.text(), "wrong") {
				t.Error("the password is in the log")
			}
		})
	}
}

// If a proxy blocks the connection, the error is one sentence that names the proxy but not its password.
func TestAProxyThatBlocksAConnectionIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	app := r.app()
	var err error
	if app.Proxy, err = userclient.ParseProxy("socks5://user:wrong@127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = userclient.Reach(ctx, app)
	const want = "Telegram's data centres cannot be reached through the proxy 127.0.0.1:1: check that it runs, " +
		"that its password or secret is right, and that it can reach Telegram"
	if !errors.Is(err, userclient.ErrUnreachable) || err.Error() != want {
		t.Errorf("it says: %v", err)
	}
}
