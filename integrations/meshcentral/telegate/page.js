// The plugin's part of MeshCentral's page, for both of its interfaces: the entry "Connect Telegram" below "Manage messaging", and its
// dialog. MeshCentral copies the text of this function into the page, so it uses nothing outside itself. It shows all data from the
// server as text, never as markup, and loads nothing from other servers.
'use strict';

/* global pluginHandler, meshserver, xxdialogMode, setDialogMode, setModalContent, showModal, QV */

// MeshCentral calls it when its page is ready, and again after a plugin is installed.
const onWebUIStartupEnd = function () {
  const telegate = pluginHandler.telegate;
  const title = 'Connect Telegram';
  let serial = 0; // of the open dialog; late answers to earlier dialogs are ignored
  let seen = ''; // the last status of the link

  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const ask = (step, more) => meshserver.send({ action: 'plugin', plugin: 'telegate', step, serial, ...more });
  const find = (id) => document.getElementById('telegate' + id);
  const say = (sentence, bad) => {
    const line = find('Status');
    if (!line) return;
    line.textContent = sentence;
    line.style.color = bad ? '#c00000' : '';
  };
  const fill = (...children) => { if (find('Connect')) find('Connect').replaceChildren(...children); };
  const status = (text) => make('p', { id: 'telegateStatus', textContent: text, role: 'status' });

  telegate.open = () => {
    if (xxdialogMode) return false;
    serial++;
    const html = '<div id=telegateConnect></div>';
    if (typeof showModal === 'function') { // the modern interface
      setModalContent('xxAddAgent', title, html);
      showModal('xxAddAgentModal', 'idx_dlgOkButton', null);
      QV('idx_dlgOkButton', false);
    } else {
      setDialogMode(2, title, 2, null, html);
    }
    fill(status('One moment…'));
    ask('start');
    return false;
  };

  // offer shows the link to the chat, and the field for the code.
  const offer = (link) => {
    const code = make('input', { id: 'telegateCode', type: 'text', inputMode: 'numeric', autocomplete: 'one-time-code', maxLength: 9, size: 9 });
    const confirm = make('input', { id: 'telegateConfirm', type: 'button', value: 'Connect', disabled: true });
    const digits = () => code.value.replace(/[^0-9]/g, '');
    const send = () => {
      if (confirm.disabled) return;
      confirm.disabled = true;
      say('One moment…');
      ask('confirm', { code: digits() });
    };
    code.setAttribute('aria-label', 'Code');
    code.style.margin = '0 6px';
    code.oninput = () => { confirm.disabled = digits().length !== 6; };
    code.onkeydown = (event) => { if (event.key === 'Enter') send(); };
    confirm.onclick = send;
    const qr = make('img', { src: link.qr, alt: 'QR code of the link', width: 150, height: 150 });
    qr.style.cssText = 'background:white;padding:6px;margin:0 14px 0 0;flex:none';
    const steps = make('ol', {},
      make('li', {}, 'Scan the picture with your phone, or open ',
        make('a', { id: 'telegateLink', href: link.url, target: '_blank', rel: 'noopener noreferrer', textContent: '@' + link.bot + ' in Telegram' }),
        ', and press Start.'),
      make('li', {}, 'The bot names this account. Tap Connect there: it shows a code.'),
      make('li', {}, 'Type the code here:', make('br', {}), code, confirm));
    steps.style.cssText = 'margin:0;padding-left:18px;line-height:1.7';
    const both = make('div', {}, qr, steps);
    both.style.cssText = 'display:flex;align-items:flex-start;text-align:left';
    const command = make('details', {}, make('summary', { textContent: 'The link does nothing?' }),
      'Send this to @' + link.bot + ':', make('br', {}), make('code', { textContent: link.command }));
    command.style.overflowWrap = 'anywhere';
    const now = link.connected ? `Connected so far: ${link.connected}. Another chat would take its place.` : '';
    fill(both, status(now), command);
    code.focus();
    seen = 'pending';
    ask('follow', { seen });
  };

  const over = (sentence) => {
    const again = make('input', { id: 'telegateAgain', type: 'button', value: 'Try again' });
    again.onclick = () => { serial++; fill(status('One moment…')); ask('start'); };
    fill(status(''), again);
    say(sentence, true);
  };

  // hint adds help to MeshCentral's own dialog, which does not say why a code does not arrive.
  const hint = (bot) => {
    const line = find('Hint');
    if (!line || !bot) return;
    line.replaceChildren('The code arrives in Telegram once you have pressed Start at ',
      make('a', { href: 'https://t.me/' + bot, target: '_blank', rel: 'noopener noreferrer', textContent: '@' + bot }),
      '. Without a username, use ', make('b', { textContent: title }), ' instead of this.');
  };

  telegate.answer = (server, message) => {
    if (message.step === 'bot') return hint(message.bot);
    if (message.serial !== serial || !find('Connect') || !xxdialogMode) return;
    switch (message.step) {
      case 'offered': return offer(message);
      case 'followed':
        if (!find('Code') || message.status === 'verified') return; // the answer to the code handles this
        if (message.status !== seen && message.label) say(`${message.label} has opened it. If that is not you, close this and start again.`);
        seen = message.status;
        return ask('follow', { seen });
      case 'wrong': find('Code').select(); return say(message.sentence, true);
      case 'connected': return fill(status(`Connected to ${message.label}. Sign-in codes and messages arrive there from now on.`));
      case 'over': return over(message.sentence);
    }
  };

  if (typeof window.account_manageMessaging === 'function' && !window.account_manageMessaging.telegate) {
    const { account_manageMessaging: manage } = window;
    window.account_manageMessaging = function (...args) {
      const result = manage.apply(this, args), handle = document.getElementById('d2handleinput');
      if (handle && !find('Hint')) {
        handle.closest('table').after(make('p', { id: 'telegateHint' }));
        pluginHandler.telegate.hint();
      }
      return result;
    };
    window.account_manageMessaging.telegate = true;
  }
  telegate.hint = () => ask('bot');

  // The entry is part of MeshCentral's two own entries, and visible whenever they are.
  for (const id of ['manageMessaging1', 'manageMessaging2']) {
    const entry = document.getElementById(id);
    if (!entry || entry.querySelector('.telegate')) continue;
    const link = make('a', { href: '#', className: 'telegate', textContent: title });
    link.onclick = () => pluginHandler.telegate.open();
    if (id === 'manageMessaging1') entry.append(make('div', { className: 'p2AccountActions' }));
    entry.append(make('span', {}, link, make('br', {})));
  }
};

module.exports = { onWebUIStartupEnd };
