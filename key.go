package main

import (
	"encoding/json"
	"fmt"

	"telegate/config"
)

type keyNewCmd struct {
	Name    string   `required:"" placeholder:"NAME" help:"Who will use the key, such as meshcentral; it stands in the log."`
	Domains []string `default:"*" placeholder:"ID" help:"Domains it may act for, separated by commas; \"*\" for all (default ${default})."`
	Scopes  []string `default:"link,verify,send" enum:"link,verify,send,admin" placeholder:"SCOPE" help:"What it may do: ${enum} (default ${default})."`
	JSON    bool     `help:"Print JSON."`
}

// Run prints a fresh key once, and the table that makes it known. The key itself is kept nowhere.
func (c keyNewCmd) Run(con *console) error {
	key, err := config.NewAPIKey()
	if err != nil {
		return err
	}
	k := config.Key{Name: c.Name, Hash: config.HashAPIKey(key), Domains: c.Domains, Scopes: c.Scopes}
	if c.JSON {
		return json.NewEncoder(con.stdout).Encode(map[string]any{
			"key": key, "name": k.Name, "hash": k.Hash, "domains": k.Domains, "scopes": k.Scopes,
		})
	}
	_, err = fmt.Fprintf(con.stdout, "The key, shown this once; give it to the caller:\n\n%s\n\nAdd this to telegate.toml and restart:\n\n%s",
		key, config.KeyTable(k))
	return err
}
