package userclient_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/userclient"
	"telegate/userclient/datacenter"
)

var (
	proxyKey   = []byte("0123456789abcdef")
	plainKey   = hex.EncodeToString(proxyKey)
	paddedKey  = "dd" + plainKey
	fakeTLSKey = "ee" + plainKey + hex.EncodeToString([]byte("example.com"))
)

// Everything goes through the proxy: a session is verified and a message sent.
func TestMTProtoThroughProxies(t *testing.T) {
	r := newRig(t)
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

// A proxy that refuses, or is not there, is a state with the reason; the client keeps trying.
func TestAProxyThatRefuses(t *testing.T) {
	r := newRig(t)
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
			log := newRecord()
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

// A visit that a proxy keeps from Telegram ends with one sentence, which names the proxy and not its password.
func TestAProxyThatKeepsAVisitAwayIsNamed(t *testing.T) {
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
		"that its password or secret is right, and that it lets through to Telegram"
	if !errors.Is(err, userclient.ErrUnreachable) || err.Error() != want {
		t.Errorf("it says: %v", err)
	}
}

// A secret of the wrong length is named for what it is, and not shown.
func TestAWrongProxyIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ address, says string }{
		"nothing":               {"", "is not among"},
		"no scheme":             {"127.0.0.1:1080", "cannot be read"},
		"another scheme":        {"socks4://127.0.0.1:1080", "socks4"},
		"no host":               {"http://:3128", "host is missing"},
		"no secret":             {"mtproxy://127.0.0.1:443", "is missing"},
		"a short secret":        {"mtproxy://" + plainKey[:30] + "@127.0.0.1:443", "has 15 bytes, and 16 are needed"},
		"half a digit":          {"mtproxy://" + plainKey[:31] + "z@127.0.0.1:443", "has 24 bytes"}, // read as base64
		"no digits at all":      {"mtproxy://!!@127.0.0.1:443", "neither hexadecimal nor base64"},
		"dd with too much":      {"mtproxy://" + paddedKey + "00@127.0.0.1:443", "behind dd"},
		"ee without a website":  {"mtproxy://ee" + plainKey + "@127.0.0.1:443", "lacks the name of the website"},
		"ee with no name":       {"mtproxy://ee" + plainKey + "0001@127.0.0.1:443", "name of a website"},
		"another first byte":    {"mtproxy://aa" + plainKey + "@127.0.0.1:443", "has 17 bytes"},
		"a link without server": {"https://t.me/proxy?port=443&secret=" + plainKey, "host is missing"},
	} {
		_, err := userclient.ParseProxy(c.address)
		if !errors.Is(err, userclient.ErrProxy) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), plainKey[:10]) {
			t.Errorf("%s: the secret is shown: %v", name, err)
		}
	}
	for _, secret := range []string{plainKey, paddedKey, fakeTLSKey, base64.RawURLEncoding.EncodeToString(append([]byte{0xdd}, proxyKey...))} {
		for _, address := range []string{"mtproxy://" + secret + "@proxy.example:443", "https://t.me/proxy?server=proxy.example&port=443&secret=" + secret} {
			u, err := userclient.ParseProxy(address)
			if err != nil || u.Scheme != "mtproxy" || u.Host != "proxy.example:443" {
				t.Errorf("%s: %v, %v", address, u, err)
			}
		}
	}
}
