// Texts from users, devices and the gateway, made harmless.
'use strict';

// whole replaces halves of surrogate pairs, which are not Unicode: the gateway refuses a text that contains one.
function whole(text) { return Buffer.from(String(text)).toString(); }

// oneLine removes what could forge a second line or turn the direction of the text. The joiners of emoji and of Persian stay.
function oneLine(text) { return whole(text).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/(?![\u200c\u200d])\p{Cf}/gu, ''); }

// plain makes one line without markup, of at most `most` characters.
function plain(text, most = 500) { return whole(oneLine(text).replace(/[<>]/g, '').slice(0, most)); }

module.exports = { oneLine, plain, whole };
