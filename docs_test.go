package main

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The documents name every call, every kind of problem and every metric there is.
func TestDocsAreComplete(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	var contract struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	w.want(http.StatusOK, "GET", "/openapi.json", nil, &contract)
	calls := read(t, "docs/api.md")
	if len(contract.Paths) < 10 {
		t.Fatalf("only %d paths in the contract", len(contract.Paths))
	}
	for path := range contract.Paths {
		shown := regexp.MustCompile(`\\{id\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[a-z]+_[^ /]*`)
		if !regexp.MustCompile(shown).MatchString(calls) {
			t.Errorf("docs/api.md shows no call of %s", path)
		}
	}
	_, data, err := w.try("GET", "/openapi.json", nil)
	if err != nil || !json.Valid(data) {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`/problems/([a-z0-9-]+)`).FindAllStringSubmatch(string(data), -1)
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds of problems in the contract", len(kinds))
	}
	for _, k := range kinds {
		if !strings.Contains(calls, "| `"+k[1]+"` |") {
			t.Errorf("docs/api.md does not explain the problem %s", k[1])
		}
	}

	_, data, err = w.try("GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	operations := read(t, "docs/operations.md")
	for _, m := range regexp.MustCompile(`(?m)^# HELP (telegate_\S+)`).FindAllStringSubmatch(string(data), -1) {
		if !strings.Contains(operations, "`"+m[1]) {
			t.Errorf("docs/operations.md does not explain the metric %s", m[1])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
