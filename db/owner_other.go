//go:build !unix

package db

// noFollow does nothing here.
const noFollow = 0

// refuseLinks does nothing here: there is no root.
func refuseLinks(string) error { return nil }

// copyOwner does nothing here: new files get the owner of the folder.
func copyOwner(string, string) {}
