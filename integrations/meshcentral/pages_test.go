package meshcentral_test

import (
	"context"
	"strings"

	"github.com/chromedp/chromedp"
)

// The elements of MeshCentral's dialogs.
const (
	dialogOK     = "#idx_dlgOkButton"
	dialogCancel = "#idx_dlgCancelButton"
	handleBox    = "#d2handleinput"
	codeBox      = "#d2phoneCodeInput"
	messageBox   = "#d2smsText"
)

// signIn types the password; with a second factor, its page comes next.
func (s *stage) signIn(browser context.Context, name, path string) *page {
	s.t.Helper()
	p := s.open(browser, name, path)
	p.write("#username", name)
	p.write("#password", password)
	p.Click("#loginButton")
	return p
}

// asAdmin is the administrator's page, which stays signed in.
func (s *stage) asAdmin(browser context.Context) *page {
	s.t.Helper()
	if s.admin == nil {
		s.admin = s.signIn(browser, "admin", "")
		s.admin.See("#LeftMenuMyUsers")
	}
	return s.admin
}

// askForCode makes MeshCentral send a code.
func (p *page) askForCode() {
	p.s.t.Helper()
	p.See("#tokenInput")
	p.Click("#msgKeyButton")
	p.Click(dialogOK)
	p.Reads("body", "Message sent.")
}

func (p *page) typeCode(code string) {
	p.s.t.Helper()
	p.write("#tokenInput", code)
	p.Click("#tokenOkButton")
}

// account opens My Account and closes the hint about backup codes.
func (p *page) account() {
	p.s.t.Helper()
	p.Click("#LeftMenuMyAccount")
	p.Until("the account is there", `document.querySelector("#p2").offsetParent`)
}

// manage opens the messaging dialog.
func (p *page) manage() {
	p.s.t.Helper()
	p.follow("Manage messaging")
}

// follow clicks a link by its text.
func (p *page) follow(words string) {
	p.s.t.Helper()
	p.Until("the link "+words+" is there", `(() => {
		const a = [...document.querySelectorAll("a")].find(a => a.innerText === "`+words+`" && a.offsetParent);
		a?.click();
		return a;
	})()`)
}

// notified waits for a notification of MeshCentral, in the list at the top of the page.
func (p *page) notified(phrase string) {
	p.s.t.Helper()
	p.Until("it is notified of "+phrase, `notifications.some(n => JSON.stringify(n).includes("`+phrase+`"))`)
	p.Click("#notificationCount")
}

// register requests a code for a handle.
func (p *page) register(handle string) {
	p.s.t.Helper()
	p.manage()
	p.write(handleBox, handle)
	p.shot("register-" + handle)
	p.Click(dialogOK)
	p.See(codeBox)
}

// removeHandle removes the user's own handle.
func (p *page) removeHandle() {
	p.s.t.Helper()
	p.manage()
	p.Reads("body", "Verified handle")
	p.shot("remove")
	p.Click("#d2delPhone")
	p.Click(dialogOK)
	p.Until("the handle is gone", `!document.querySelector("#authMessagingCheck").offsetParent`)
}

func (p *page) signOut() {
	p.s.t.Helper()
	p.follow("Logout")
	p.See("#username")
}

// userPage opens a user's page as administrator.
func (p *page) userPage(name string) {
	p.s.t.Helper()
	p.Click("#LeftMenuMyUsers")
	p.Until("the list is there", `[...document.querySelectorAll("#p3users tr[tabindex]")].some(r => r.innerText.includes("`+name+`"))`)
	p.shot("users")
	p.do("open the page of "+name, chromedp.Evaluate[chromedp.Void](`gotoUser(encodeURIComponentEx("user//`+name+`"))`))
	p.Reads("#p30html", name)
}

func (p *page) writeTo(text string) {
	p.s.t.Helper()
	p.Click(`input[title="Send a message to this user"]`)
	p.write(messageBox, text)
	p.Click(dialogOK)
}

// editHandle sets a user's handle on their page; an empty one removes it.
func (p *page) editHandle(handle string) {
	p.s.t.Helper()
	p.do("edit the handle", chromedp.Evaluate[chromedp.Void]("p30editMessaging()"))
	if handle == "" {
		p.choose("#d2serviceselect", "0")
	} else {
		p.choose("#d2serviceselect", "1")
		p.write(handleBox, handle)
	}
	p.shot("edit-handle")
	p.Click(dialogOK)
}

// closeDialog clicks until the dialog is closed: the modern interface ignores clicks while it moves.
func (p *page) closeDialog() {
	p.s.t.Helper()
	p.Until("the dialog is closed", `xxdialogMode ? document.querySelector("`+dialogCancel+`").click() : true`)
}

// connect uses the dialog of Connect Telegram, first with a wrong code.
func (p *page) connect(name string) {
	p.s.t.Helper()
	p.follow("Connect Telegram")
	p.See("#telegateLink")
	link := p.value(`document.querySelector("#telegateLink").href`)
	after := p.s.last(name)
	if err := p.s.telegram.Open(p.s.person(name), link); err != nil {
		p.s.t.Fatal(err)
	}
	question := p.s.message(name, "Connect this Telegram chat", after)
	p.Reads("#telegateStatus", name+" (@")
	if err := p.s.telegram.Tap(p.s.person(name), botName, question.ID, "Connect"); err != nil {
		p.s.t.Fatal(err)
	}
	code := p.s.code(name, "is the code to connect", question.ID)
	p.write("#telegateCode", wrong(code))
	p.shot(p.value(`typeof showModal === "function" ? "connect-modern" : "connect"`))
	p.Click("#telegateConfirm")
	p.Reads("#telegateStatus", "That is not the code. 4 tries left.")
	p.write("#telegateCode", code)
	p.Click("#telegateConfirm")
	p.Reads("#telegateStatus", "Connected to "+name)
	p.s.message(name, "Connected.", question.ID)
	p.closeDialog()
	p.See("#authMessagingCheck")
	p.s.eventually(name+" is linked", func() bool { return p.s.messaging("", "user//"+strings.ToLower(name)).Linked })
}
