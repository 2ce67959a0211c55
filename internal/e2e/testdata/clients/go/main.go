// Links a user, verifies a sign-in code and sends a message, with the client generated from /openapi.json. The test reads a line
// from here when the person has something to do, and answers with the code that the phone shows.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
)

var input = bufio.NewScanner(os.Stdin)

func code(request string) string {
	fmt.Println(request)
	input.Scan()
	return input.Text()
}

// must ends the program unless there was an answer of the kind.
func must[T any](answer *T, body []byte, err error) *T {
	if err != nil || answer == nil {
		log.Fatalf("%v %s", err, body)
	}
	return answer
}

func main() {
	key := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("KEY"))
		return nil
	}
	gateway, err := NewClientWithResponses(os.Getenv("GATEWAY"), WithRequestEditorFn(key))
	if err != nil {
		log.Fatal(err)
	}
	ctx, user, session, wait := context.Background(), "user//alice", "s1", "wait=10"

	l, err := gateway.PostLinksWithResponse(ctx, nil, StartLink{User: user})
	link := must(l.JSON201, l.Body, err)
	c, err := gateway.PostLinksIdConfirmWithResponse(ctx, link.Id, nil, ConfirmLink{Code: code("link " + *link.StartUrl)})
	if confirmed := must(c.JSON200, c.Body, err); !confirmed.Verified {
		log.Fatal(confirmed.Result)
	}

	v, err := gateway.PostVerificationsWithResponse(ctx, nil, CreateVerification{User: user, Purpose: "login", SessionBinding: &session})
	verification := must(v.JSON201, v.Body, err)
	k, err := gateway.PostVerificationsIdCheckWithResponse(ctx, verification.Id, nil, CheckCode{Code: code("verify"), SessionBinding: &session})
	if checked := must(k.JSON200, k.Body, err); !checked.Approved {
		log.Fatal(checked.Result)
	}

	s, err := gateway.PostMessagesWithResponse(ctx, nil, SendMessage{User: &user, Text: "Hello from a client"})
	sent := must(s.JSON202, s.Body, err)
	m, err := gateway.GetMessagesIdWithResponse(ctx, sent.Id, &GetMessagesIdParams{Prefer: &wait})
	message := must(m.JSON200, m.Body, err)
	n, err := gateway.GetMessagesIdWithResponse(ctx, "msg_none", nil)
	missing := must(n.ApplicationproblemJSON404, n.Body, err)
	fmt.Println("done", message.Status, missing.Type)
}
