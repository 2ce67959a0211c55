package sandbox

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxCommands           = 100 // https://core.telegram.org/bots/api#setmycommands
	maxCommandLength      = 32  // https://core.telegram.org/bots/api#botcommand
	maxCommandDescription = 256
)

// botCommand is an entry of the menu of a bot.
type botCommand struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

var commandName = regexp.MustCompile(`^[a-z0-9_]+$`)

// setMyCommands: https://core.telegram.org/bots/api#setmycommands.
func (t *Telegram) setMyCommands(b *bot, r *request) (any, *apiError) {
	commands, err := parseCommands(r.params["commands"])
	if err != nil {
		return nil, err
	}
	scope, err := t.commandScope(b, r)
	if err != nil {
		return nil, err
	}
	b.commands[scope] = commands
	return true, nil
}

// getMyCommands: https://core.telegram.org/bots/api#getmycommands.
func (t *Telegram) getMyCommands(b *bot, r *request) (any, *apiError) {
	scope, err := t.commandScope(b, r)
	if err != nil {
		return nil, err
	}
	if commands := b.commands[scope]; commands != nil {
		return commands, nil
	}
	return []botCommand{}, nil
}

func parseCommands(raw string) ([]botCommand, *apiError) {
	if raw == "" {
		return nil, nil
	}
	if !json.Valid([]byte(raw)) {
		return nil, badRequest("can't parse commands JSON object")
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil, badRequest("expected an Array of BotCommand")
	}
	if len(list) > maxCommands {
		return nil, errCommandsTooMany
	}
	commands := make([]botCommand, 0, len(list))
	for _, item := range list {
		c, err := parseCommand(item)
		if err != nil {
			return nil, err
		}
		commands = append(commands, c)
	}
	return commands, nil
}

func parseCommand(raw json.RawMessage) (c botCommand, err *apiError) {
	f, ok := decodeObject(raw)
	if !ok {
		return c, badRequest("can't parse BotCommand: expected an Object")
	}
	var problem string
	if c.Command, problem = f.text("command", true); problem == "" {
		c.Description, problem = f.text("description", true)
	}
	c.Command = strings.TrimPrefix(c.Command, "/")
	switch {
	case problem != "":
		return c, badRequest("can't parse BotCommand: %s", problem)
	case c.Command == "":
		return c, badRequest("command must be non-empty")
	case utf8.RuneCountInString(c.Command) > maxCommandLength:
		return c, badRequest("command length must not exceed %d", maxCommandLength)
	case c.Description == "":
		return c, badRequest("command description must be non-empty")
	case utf8.RuneCountInString(c.Description) > maxCommandDescription:
		return c, badRequest("command description length must not exceed %d", maxCommandDescription)
	case !commandName.MatchString(c.Command):
		return c, errCommandInvalid
	}
	return c, nil
}

// commandScope makes one key of the parameters scope and language_code:
// https://core.telegram.org/bots/api#botcommandscope.
func (t *Telegram) commandScope(b *bot, r *request) (string, *apiError) {
	kind, chatID, userID := "default", "", ""
	if raw := r.params["scope"]; raw != "" {
		f, ok := decodeObject(json.RawMessage(raw))
		if !ok {
			return "", badRequest("can't parse BotCommandScope: expected an Object")
		}
		var problem string
		kind, problem = f.text("type", true)
		switch kind {
		case "default", "all_private_chats", "all_group_chats", "all_chat_administrators", "":
		case "chat", "chat_administrators":
			chatID, problem = f.text("chat_id", true)
		case "chat_member":
			if chatID, problem = f.text("chat_id", true); problem == "" {
				userID, problem = f.text("user_id", true)
			}
		default:
			problem = "Unsupported type specified"
		}
		if problem != "" {
			return "", badRequest("can't parse BotCommandScope: %s", problem)
		}
	}
	if chatID != "" {
		if _, err := t.reach(b, chatID, toRead); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s/%s/%s/%s", kind, chatID, userID, r.params["language_code"]), nil
}
