package api_test

import (
	"time"

	"telegate/delivery"
	"telegate/internal/gatewaytest"
)

// situation brings a gateway to where the request of an example is made. It returns pairs: an id or code of the example, and the one
// of this gateway.
type situation func(g *gateway) []string

// situations by operation and title. The other examples need none.
var situations = map[string]map[string]situation{
	"post-links": {
		"By handle": func(g *gateway) []string { g.start(alice); return nil },
		"After a check of the caller": func(g *gateway) []string {
			g.start(alice)
			id := g.call("POST", "/v1/messages", object{"to": "@alice", "text": "482913 is your code", "lane": "code", "purpose": "link"}).str("id")
			g.ended(id, delivery.StatusDelivered, nil)
			return []string{"msg_9c3e", id}
		},
	},
	"get-links-id":          {"Waits for the code": claimed},
	"post-links-id-confirm": {"The right code": claimed},
	"get-messaging": {
		"A linked user": linkedAlice,
		"Telegram asked to wait": func(g *gateway) []string {
			linkedAlice(g)
			g.expected = map[delivery.Waiting]time.Time{{BotID: gatewaytest.BotID, ChatID: alice.ID}: g.Clock.Now().Add(57 * time.Second)}
			return nil
		},
	},
	"delete-messaging":   {"Unlink": linkedAlice},
	"post-verifications": {"A sign-in code": linkedAlice},
	"get-verifications-id": {"Telegram asked to wait": func(g *gateway) []string {
		ids := signingIn(g)
		g.expected = map[delivery.Waiting]time.Time{{MessageID: g.Last(alice).ID}: g.Clock.Now().Add(57 * time.Second)}
		return ids
	}},
	"post-verifications-id-check": {"The right code": codeArrived, "A wrong code": func(g *gateway) []string {
		ids := codeArrived(g)
		return append(ids, "000000", gatewaytest.WrongCode(ids[3]))
	}},
	"post-verifications-id-resend": {
		"A new code": func(g *gateway) []string { ids := codeArrived(g); g.Clock.Advance(20 * time.Second); return ids },
		"Too soon":   codeArrived,
	},
	"post-verifications-id-cancel": {"Canceled by the caller": codeArrived},
	"post-messages": {
		"To a user":            linkedAlice,
		"A code of the caller": func(g *gateway) []string { g.start(alice); return nil },
	},
	"get-messages-id":         {"Delivered": deliveredMessage},
	"get-messages":            {"Messages that did not arrive": failedMessage},
	"post-messages-id-resend": {"As it was": failedMessage, "With a new text": failedMessage},
	"post-broadcasts":         {"Only count": twoLinked, "To two users": twoLinked},
	"get-broadcasts-id":       {"Done": broadcastDone},
	"get-broadcasts":          {"One broadcast": broadcastDone},
	"post-broadcasts-id-cancel": {"Canceled in time": func(g *gateway) []string {
		twoLinked(g)
		return []string{"bc_5t2m", g.call("POST", "/v1/broadcasts", object{"text": "Maintenance tonight.", "send_at": g.Clock.Now().Add(time.Hour)}).str("id")}
	}},
	"get-trace": {"A message that failed": failedMessage},
	"get-logins": {"Sign-ins that were approved": func(g *gateway) []string {
		ids := codeArrived(g)
		g.call("POST", "/v1/verifications/"+ids[1]+"/check", object{"code": ids[3], "session_binding": "s2"})
		return ids
	}},
	"get-status": {"Three messages wait": failedMessage},
	"get-users": {"A linked and an invited user": func(g *gateway) []string {
		g.call("PUT", "/v1/messaging", object{"user": "user//bob", "handle": "@bob_tg"})
		return linkedAlice(g)
	}},
	"post-reload": {"Errors in the file": badFile},
}

func claimed(g *gateway) []string {
	started := g.call("POST", "/v1/links", object{"user": "user//alice", "session_binding": "s1"})
	id := started.str("id")
	g.Clock.Advance(88 * time.Second)
	g.Claim(alice, started.str("start_url"))
	g.Accept(alice, id)
	return []string{"lnk_4f7q", id, "482913", g.Code(alice)}
}

func linkedAlice(g *gateway) []string { return []string{"lnk_4f7q", g.link("", "user//alice", alice)} }

func twoLinked(g *gateway) []string {
	g.link("", "user//bob", bob)
	return linkedAlice(g)
}

func signingIn(g *gateway) []string {
	linkedAlice(g)
	body := login("user//alice", "s2")
	body["context"] = object{"ip": "203.0.113.7", "user_agent": firefox}
	id := g.call("POST", "/v1/verifications", body).str("id")
	return []string{"ver_k2x9", id, "654321", g.Code(alice)}
}

// codeArrived is signingIn when Telegram has accepted the code.
func codeArrived(g *gateway) []string {
	ids := signingIn(g)
	g.ended(g.Last(alice).ID, delivery.StatusDelivered, nil)
	g.Clock.Advance(20 * time.Second)
	return ids
}

func deliveredMessage(g *gateway) []string {
	linkedAlice(g)
	id := g.call("POST", "/v1/messages", object{"user": "user//alice", "text": "Maintenance at 20:00."}, "X-Request-Id", "meshcentral-4711").str("id")
	g.attempted(id, delivery.StatusDelivered, "accepted", nil)
	return []string{"msg_3a8d", id}
}

func failedMessage(g *gateway) []string {
	g.link("", "user//bob", bob)
	g.Clock.Advance(time.Minute)
	id := g.call("POST", "/v1/messages", object{"user": "user//bob", "text": "The backup has failed.", "lane": "alert"}).str("id")
	g.Clock.Advance(time.Second)
	g.attempted(id, delivery.StatusFailed, "transient", unreachable)
	return []string{"msg_9f2b", id}
}

func broadcastDone(g *gateway) []string {
	linkedAlice(g)
	id := g.call("POST", "/v1/broadcasts", object{"text": "Maintenance tonight at 20:00.", "users": []string{"user//alice", "user//bob"}}).str("id")
	g.RunBroadcasts()
	var m delivery.Message
	for m.Broadcast == "" {
		m = g.Last(alice)
	}
	g.Clock.Advance(33 * time.Second)
	g.ended(m.ID, delivery.StatusDelivered, nil)
	g.call("GET", "/v1/broadcasts/"+id, nil, "Prefer", "wait=20") // the broadcaster notes the end
	return []string{"bc_5t2m", id}
}

// attempted records the only attempt to send a message, and how the message ended.
func (g *gateway) attempted(id string, status delivery.Status, outcome string, failure *delivery.Failure) {
	g.T.Helper()
	p := delivery.Progress{ID: id, Status: status, Attempts: 1, Failure: failure, Ended: g.Clock.Now(), Attempt: &delivery.Attempt{
		N: 1, At: g.Clock.Now(), Took: 52 * time.Millisecond, Transport: "bot", Outcome: outcome, Failure: failure,
	}}
	if status == delivery.StatusDelivered {
		p.SentParts, p.Transport = 1, "bot"
	}
	if err := g.DB.SaveProgress(g.T.Context(), p); err != nil {
		g.T.Fatal(err)
	}
}

func badFile(g *gateway) []string { g.badFile = true; return nil }
