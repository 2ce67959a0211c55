package sandbox_test

import (
	"fmt"
	"net/http/httptest"

	"telegate/sandbox"
)

// A test drives the people and looks at their phones; the program under test
// talks to the address of the server as if it were https://api.telegram.org.
func Example() {
	telegram := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(telegram)
	defer server.Close()
	defer telegram.Close() // first: it ends the long polls that server.Close waits for

	if _, err := telegram.AddBot("123456789:AAabcdefghijklmnopqrstuvwxyz012345678", "GateBot", "Gate"); err != nil {
		fmt.Println(err)
	}
	alice := telegram.AddPerson(sandbox.Person{FirstName: "Alice", Username: "alice"})
	if err := telegram.Open(alice.ID, "https://t.me/GateBot?start=abc"); err != nil {
		fmt.Println(err)
	}
	for _, m := range telegram.Messages(alice.ID, "GateBot") {
		fmt.Println(m.Text)
	}
	// Output: /start abc
}
