//go:build race

package userclient_test

const raceEnabled = true
