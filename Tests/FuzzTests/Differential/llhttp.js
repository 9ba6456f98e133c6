// Tells how llhttp, node's parser, reads conversations: a line for each, with a hash of the path and of the
// body of each request that it takes.
//
//   node llhttp.js CONVERSATIONS
'use strict';
const fs = require('fs');
process.removeAllListeners('warning');
const { HTTPParser } = process.binding('http_parser');

const HEADERS_COMPLETE = HTTPParser.kOnHeadersComplete | 0;
const BODY = HTTPParser.kOnBody | 0;
const MESSAGE_COMPLETE = HTTPParser.kOnMessageComplete | 0;

function hash(state, bytes) {
  for (let i = 0; i < bytes.length; i++) state = Math.imul(state ^ bytes[i], 0x01000193) >>> 0;
  return state;
}
const START = 0x811c9dc5;
const hex = (value) => value.toString(16).padStart(8, '0');

function path(target) {
  const match = /^https?:\/\/[^/?]*/i.exec(target);
  if (match) {
    target = target.slice(match[0].length);
    if (target === '' || target[0] === '?') target = '/';
  }
  const query = target.indexOf('?');
  return query >= 0 ? target.slice(0, query) : target;
}

function read(bytes) {
  const items = [];
  let end = '.';
  let current = null;
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  parser[HEADERS_COMPLETE] = (major, minor, headers, method, url, code, message, upgrade, keepAlive) => {
    current = { url: hash(START, Buffer.from(path(url), 'latin1')), body: START, keepAlive };
    return 0;
  };
  parser[BODY] = (chunk) => { current.body = hash(current.body, chunk); };
  parser[MESSAGE_COMPLETE] = () => {
    if (end === 'c') return;
    items.push(hex(current.url) + hex(current.body));
    if (!current.keepAlive) end = 'c';
  };
  const result = parser.execute(bytes);
  if (result instanceof Error && end !== 'c') end = '!';
  items.push(end);
  parser.close();
  return items.join(' ');
}

const input = fs.readFileSync(process.argv[2]);
const lines = [];
for (let offset = 0; offset < input.length;) {
  const length = input.readUInt32LE(offset);
  lines.push(read(input.subarray(offset + 4, offset + 4 + length)));
  offset += 4 + length;
  if (lines.length === 10000) { fs.writeSync(1, lines.join('\n') + '\n'); lines.length = 0; }
}
if (lines.length > 0) fs.writeSync(1, lines.join('\n') + '\n');
