package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary a telegate command as well, so that scripts and tests can run it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"telegate": main})
}
