package sandbox

import (
	"encoding/json"
	"unicode/utf8"
)

const (
	maxCallbackData = 64     // bytes: https://core.telegram.org/bots/api#inlinekeyboardbutton
	maxCopyText     = 256    // characters: https://core.telegram.org/bots/api#copytextbutton
	maxButtons      = 100    // of a message; not documented, what servers were seen to take
	maxMarkup       = 10_000 // bytes of JSON; not documented
)

// parseKeyboard reads reply_markup. Only inline keyboards are shown; a reply
// keyboard, its removal and force_reply are accepted without effect.
func parseKeyboard(raw string) ([][]Button, *apiError) {
	if raw == "" {
		return nil, nil
	}
	if !json.Valid([]byte(raw)) {
		return nil, badRequest("can't parse reply keyboard markup JSON object")
	}
	markup, ok := decodeObject(json.RawMessage(raw))
	if !ok {
		return nil, badRequest("object expected as reply markup")
	}
	if !markup.has("inline_keyboard") {
		return nil, nil
	}
	if len(raw) > maxMarkup {
		return nil, errMarkupTooLong
	}
	var list []json.RawMessage
	if json.Unmarshal(markup["inline_keyboard"], &list) != nil {
		return nil, badRequest(`field "inline_keyboard" must be of type Array`)
	}
	var rows [][]Button
	total := 0
	for _, item := range list {
		var buttons []json.RawMessage
		if json.Unmarshal(item, &buttons) != nil {
			return nil, badRequest(`field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`)
		}
		var row []Button
		for _, raw := range buttons {
			button, err := parseButton(raw)
			if err != nil {
				return nil, err
			}
			row = append(row, button)
		}
		if total += len(row); total > maxButtons {
			return nil, errMarkupTooLong
		}
		if len(row) > 0 {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// parseButton reads one InlineKeyboardButton of the kinds that telegate uses.
func parseButton(raw json.RawMessage) (Button, *apiError) {
	b, copies, problem := readButton(raw)
	switch {
	case problem != "":
		return b, badRequest("can't parse inline keyboard button: %s", problem)
	case b.Text == "":
		return b, badRequest("inline keyboard button text must be non-empty")
	case b.URL != "":
		checked, wrong := checkURL(b.URL)
		if wrong != "" {
			return b, badRequest("inline keyboard button URL '%s' is invalid: %s", b.URL, wrong)
		}
		b.URL = checked
	case len(b.CallbackData) > maxCallbackData:
		return b, errButtonData
	case copies && (b.CopyText == "" || utf8.RuneCountInString(b.CopyText) > maxCopyText):
		return b, errButtonCopyText
	}
	return b, nil
}

// readButton reads the fields of a button. copies: it is one that copies text.
func readButton(raw json.RawMessage) (b Button, copies bool, problem string) {
	f, ok := decodeObject(raw)
	if !ok {
		return b, false, "InlineKeyboardButton must be an Object"
	}
	if b.Text, problem = f.text("text", true); problem != "" {
		return b, false, problem
	}
	if b.Style, problem = f.text("style", false); problem != "" {
		return b, false, problem
	}
	switch b.Style {
	case "", "danger", "success", "primary":
	default:
		return b, false, "Unsupported button style specified"
	}
	// What a button does is decided by the first of these that is there.
	if b.URL, problem = f.text("url", false); problem != "" || b.URL != "" {
		return b, false, problem
	}
	if b.CallbackData, problem = f.text("callback_data", false); problem != "" || b.CallbackData != "" {
		return b, false, problem
	}
	if f.has("copy_text") {
		text, problem := f.object("copy_text")
		if problem == "" {
			b.CopyText, problem = text.text("text", true)
		}
		return b, true, problem
	}
	for _, kind := range []string{"web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
		"switch_inline_query_chosen_chat", "callback_game", "pay"} {
		if f.has(kind) {
			return b, false, "the simulated Telegram has no " + kind + " buttons"
		}
	}
	return b, false, "Text buttons are unallowed in the inline keyboard"
}
