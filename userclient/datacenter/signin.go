//go:build !nomtproto

package datacenter

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/crypto"
	"github.com/gotd/td/telegram/auth"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/tgtest/cluster"

	"telegate/userclient"
)

// loginToken is the content of a QR code.
type loginToken struct {
	session session
	account int64 // that has scanned it; 0: none yet
}

// srpSecret is the server's half of one check of a password (core.telegram.org/api/srp).
type srpSecret struct {
	account int64
	algo    tg.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
	v, b    *big.Int
	gb      []byte
}

func (s *Telegram) register(c *cluster.Cluster, d *tgtest.Dispatcher) {
	handleMethod(s, d, func(c0 *call, _ *tg.HelpGetConfigRequest) (bin.Encoder, error) {
		cfg := tg.Config{ThisDC: c0.req.DC, DCOptions: c.List().Options, Expires: int(time.Now().Add(time.Hour).Unix())}
		return &cfg, nil
	})
	handleMethod(s, d, (*call).sendCode)
	handleMethod(s, d, (*call).signIn)
	handleMethod(s, d, (*call).getPassword)
	handleMethod(s, d, (*call).checkPassword)
	handleMethod(s, d, (*call).importBot)
	handleMethod(s, d, (*call).logOut)
	handleMethod(s, d, (*call).exportLoginToken)
	handleMethod(s, d, (*call).importLoginToken)
	handleMethod(s, d, (*call).getUsers)
	handleMethod(s, d, (*call).getChannels)
	handleMethod(s, d, (*call).resolveUsername)
	handleMethod(s, d, (*call).saveFilePart)
	handleMethod(s, d, (*call).sendMessage)
	handleMethod(s, d, (*call).sendMedia)
}

func (c *call) sendCode(r *tg.AuthSendCodeRequest) (bin.Encoder, error) {
	for _, a := range c.accounts {
		if a.Phone != r.PhoneNumber {
			continue
		}
		if a.DC != c.req.DC {
			return nil, tgerr.New(303, fmt.Sprintf("PHONE_MIGRATE_%d", a.DC))
		}
		one := code{hash: fmt.Sprint(randomNumber()), text: fmt.Sprintf("%05d", randomNumber()%100000), account: a.ID}
		c.codes[a.Phone] = one
		return &tg.AuthSentCode{Type: &tg.AuthSentCodeTypeApp{Length: 5}, PhoneCodeHash: one.hash}, nil
	}
	if strings.HasPrefix(r.PhoneNumber, "+999") { // a number without an account
		c.codes[r.PhoneNumber] = code{hash: "none", text: "11111"}
		return &tg.AuthSentCode{Type: &tg.AuthSentCodeTypeSMS{Length: 5}, PhoneCodeHash: "none"}, nil
	}
	return nil, tgerr.New(400, "PHONE_NUMBER_INVALID")
}

func (c *call) signIn(r *tg.AuthSignInRequest) (bin.Encoder, error) {
	one, ok := c.codes[r.PhoneNumber]
	switch {
	case !ok || one.hash != r.PhoneCodeHash:
		return nil, tgerr.New(400, "PHONE_CODE_EXPIRED")
	case one.text != r.PhoneCode:
		return nil, tgerr.New(400, "PHONE_CODE_INVALID")
	case one.account == 0:
		return &tg.AuthAuthorizationSignUpRequired{}, nil
	}
	return c.finishSignIn(one.account)
}

// finishSignIn signs the caller in, or asks for the 2-step password.
func (c *call) finishSignIn(id int64) (tg.AuthAuthorizationClass, error) {
	if c.accounts[id].Password != "" {
		c.pending[c.key] = id
		return nil, tgerr.New(401, "SESSION_PASSWORD_NEEDED")
	}
	c.signedIn[c.key] = id
	return &tg.AuthAuthorization{User: c.user(c.accounts[id], true)}, nil
}

func (c *call) getPassword(*tg.AccountGetPasswordRequest) (bin.Encoder, error) {
	id, ok := c.pending[c.key]
	if !ok {
		return nil, tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	secret := &srpSecret{account: id}
	secret.algo = tg.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow{Salt1: randomBytes(8), Salt2: randomBytes(16), G: 3, P: prime}
	v, err := auth.NewPasswordHash([]byte(c.accounts[id].Password), &secret.algo)
	if err != nil {
		return nil, err
	}
	p, g := new(big.Int).SetBytes(prime), big.NewInt(3)
	secret.v, secret.b = new(big.Int).SetBytes(v), new(big.Int).SetBytes(randomBytes(256))
	kv := new(big.Int).Mul(new(big.Int).SetBytes(hash(prime, pad(g))), secret.v)
	gb := kv.Add(kv, new(big.Int).Exp(g, secret.b, p))
	secret.gb = pad(gb.Mod(gb, p))
	srpID := randomNumber()
	c.secrets[srpID] = secret
	answer := &tg.AccountPassword{
		HasPassword: true, NewAlgo: &secret.algo, NewSecureAlgo: &tg.SecurePasswordKdfAlgoUnknown{}, SecureRandom: randomBytes(256),
	}
	answer.SetCurrentAlgo(&secret.algo)
	answer.SetSRPB(secret.gb)
	answer.SetSRPID(srpID)
	answer.SetHint("the usual")
	return answer, nil
}

func (c *call) checkPassword(r *tg.AuthCheckPasswordRequest) (bin.Encoder, error) {
	proof, ok := r.Password.(*tg.InputCheckPasswordSRP)
	if !ok {
		return nil, tgerr.New(400, "PASSWORD_HASH_INVALID")
	}
	secret, ok := c.secrets[proof.SRPID]
	if !ok || c.pending[c.key] != secret.account {
		return nil, tgerr.New(400, "SRP_ID_INVALID")
	}
	delete(c.secrets, proof.SRPID)
	p := new(big.Int).SetBytes(prime)
	u := new(big.Int).SetBytes(hash(proof.A, secret.gb))
	s := new(big.Int).Exp(secret.v, u, p)
	s.Mul(s, new(big.Int).SetBytes(proof.A)).Mod(s, p).Exp(s, secret.b, p)
	hp, hg := hash(prime), hash(pad(big.NewInt(3)))
	for i := range hp {
		hp[i] ^= hg[i]
	}
	want := hash(hp, hash(secret.algo.Salt1), hash(secret.algo.Salt2), proof.A, secret.gb, hash(pad(s)))
	if !bytes.Equal(want, proof.M1) {
		return nil, tgerr.New(400, "PASSWORD_HASH_INVALID")
	}
	delete(c.pending, c.key)
	c.signedIn[c.key] = secret.account
	return &tg.AuthAuthorization{User: c.user(c.accounts[secret.account], true)}, nil
}

func (c *call) importBot(r *tg.AuthImportBotAuthorizationRequest) (bin.Encoder, error) {
	for _, a := range c.accounts {
		if a.Token != "" && a.Token == r.BotAuthToken {
			c.signedIn[c.key] = a.ID
			return &tg.AuthAuthorization{User: c.user(a, true)}, nil
		}
	}
	return nil, tgerr.New(400, "ACCESS_TOKEN_INVALID")
}

func (c *call) logOut(*tg.AuthLogOutRequest) (bin.Encoder, error) {
	if _, err := c.me(); err != nil {
		return nil, err
	}
	delete(c.signedIn, c.key)
	return &tg.AuthLoggedOut{}, nil
}

func (c *call) exportLoginToken(*tg.AuthExportLoginTokenRequest) (bin.Encoder, error) {
	for text, token := range c.tokens {
		if token.session.ID != c.req.Session.ID || token.account == 0 {
			continue
		}
		a := c.accounts[token.account]
		if a.DC != c.req.DC {
			return &tg.AuthLoginTokenMigrateTo{DCID: a.DC, Token: []byte(text)}, nil
		}
		delete(c.tokens, text)
		return c.loginSuccess(a.ID)
	}
	text := string(randomBytes(32))
	c.tokens[text] = &loginToken{session: session{c.server, c.req.Session}}
	return &tg.AuthLoginToken{Token: []byte(text), Expires: int(time.Now().Add(30 * time.Second).Unix())}, nil
}

func (c *call) importLoginToken(r *tg.AuthImportLoginTokenRequest) (bin.Encoder, error) {
	token, ok := c.tokens[string(r.Token)]
	if !ok || token.account == 0 {
		return nil, tgerr.New(400, "AUTH_TOKEN_INVALID")
	}
	delete(c.tokens, string(r.Token))
	return c.loginSuccess(token.account)
}

func (c *call) loginSuccess(id int64) (bin.Encoder, error) {
	a, err := c.finishSignIn(id)
	if err != nil {
		return nil, err
	}
	return &tg.AuthLoginTokenSuccess{Authorization: a}, nil
}

// Scan scans a QR code with an account's device.
func (s *Telegram) Scan(url string, id int64) error {
	text, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(url, "tg://login?token="))
	if err != nil {
		return err
	}
	s.mu.Lock()
	token, ok := s.tokens[string(text)]
	if ok {
		token.account = id
	}
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("no such QR code")
	}
	ctx, cancel := timeout()
	defer cancel()
	return token.session.server.SendUpdates(ctx, token.session.Session, &tg.UpdateLoginToken{})
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func pad(n *big.Int) []byte { return n.FillBytes(make([]byte, 256)) }

// prime is the 2048-bit safe prime that Telegram uses.
var prime, _ = hex.DecodeString("C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DBFA336F6E0AC925139543AED44CCE7C37" +
	"20FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4" +
	"A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4" +
	"E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B")

// Session returns a signed-in session of an account without a password. Only the first call for an account signs in with app
// and makes a key, which takes a second of computing; it leaves Calls unchanged. Later calls, also of later tests, sign the
// same session in again.
func (s *Telegram) Session(t testing.TB, app userclient.App, a Account) userclient.Session {
	t.Helper()
	which := login{a.ID, a.DC}
	s.mu.Lock()
	known, ok := s.logins[which]
	if ok {
		s.signedIn[keyOf(known)] = a.ID
	}
	calls := maps.Clone(s.calls)
	s.mu.Unlock()
	if ok {
		return known
	}
	in, _, err := userclient.StartSignIn(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Cancel()
	if _, err := in.Phone(t.Context(), a.Phone); err != nil {
		t.Fatal(err)
	}
	step, err := in.Code(t.Context(), s.Code(a.Phone))
	if err != nil || step.Done == nil {
		t.Fatalf("sign in: %+v, %v", step, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.logins[which] = calls, step.Done.Session
	return step.Done.Session
}

// keyOf is the id of a session's key.
func keyOf(s userclient.Session) key {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(s.Encode(), "telegate_"))
	if err != nil {
		panic(err)
	}
	return crypto.Key(raw[9 : 9+256]).ID()
}
