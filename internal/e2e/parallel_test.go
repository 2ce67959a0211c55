//go:build !race

package e2e

const parallel = 6 // tests side by side
