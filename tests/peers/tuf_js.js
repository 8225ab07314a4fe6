// tuf_js.js — what tuf-js makes of the cases that tuf_cases writes: cases on standard input, one line of verdicts per case
// on standard output, in the form of tuf_cases --verdicts.
//
//     node tuf_js.js NODE_MODULES < cases > verdicts
//     node tuf_js.js NODE_MODULES REPOSITORY ROOT SECONDS TARGET...    a repository on disk: refresh and download
//
// The client is the published package, unchanged. It is given files in memory instead of a disk and a network, and the
// time of the case; debug and make-fetch-happen, which it would load for its own fetcher, are empty here. Signature checks
// are remembered: the same key, bytes and signature have the same answer.
'use strict';
const realFs = require('fs');
const path = require('path');
const crypto = require('crypto');
const { Readable } = require('stream');
const Module = require('module');

// Refusals are exceptions, and there are many: nobody looks at where they came from.
Error.stackTraceLimit = 0;

const modules = path.resolve(process.argv[2]);

// ---- a disk
const disk = new Map();
const memory = {
  readFileSync(name) {
    if (!disk.has(name)) throw Object.assign(new Error('ENOENT: ' + name), { code: 'ENOENT' });
    return disk.get(name);
  },
  writeFileSync(name, data) { disk.set(name, Buffer.from(data)); },
  existsSync(name) { return disk.has(name); },
  createReadStream(name) { return Readable.from([memory.readFileSync(name)]); },
  copyFileSync(from, to) { disk.set(to, memory.readFileSync(from)); },
};
const load = Module._load;
Module._load = function (request, parent, main) {
  if (request === 'debug') return () => () => {};
  if (request === 'make-fetch-happen') return () => { throw new Error('no network here'); };
  const from = parent && parent.filename ? parent.filename : '';
  if (request === 'fs' && from.startsWith(path.join(modules, 'tuf-js'))) return memory;
  return load.apply(this, arguments);
};

// ---- signatures
const verify = crypto.verify;
const known = new Map();
const ids = new WeakMap(); // createPublicKey() below gives the same object for the same text
crypto.verify = function (algorithm, data, key, signature) {
  const kind = key.key;
  if (!ids.has(kind)) ids.set(kind, kind.export({ format: 'der', type: 'spki' }).toString('latin1'));
  const id = [ids.get(kind), key.padding, crypto.createHash('sha256').update(data).digest('latin1'), signature.toString('latin1')].join('|');
  if (!known.has(id)) {
    if (known.size > 200000) known.clear();
    let answer;
    try { answer = verify(algorithm, data, key, signature); } catch (e) { answer = e; }
    known.set(id, answer);
  }
  const answer = known.get(id);
  if (answer instanceof Error) throw answer;
  return answer;
};
const create = crypto.createPublicKey;
const keys = new Map();
crypto.createPublicKey = function (input) {
  const id = typeof input === 'string' ? input : input.key.toString('latin1');
  if (!keys.has(id)) keys.set(id, create(input));
  return keys.get(id);
};

// ---- a clock
const RealDate = Date;
let now = 0;
globalThis.Date = class extends RealDate {
  constructor(...a) { if (a.length) super(...a); else super(now); }
  static now() { return now; }
};

const { Updater } = require(path.join(modules, 'tuf-js'));
const { DownloadHTTPError, DownloadLengthMismatchError } = require(path.join(modules, 'tuf-js/dist/error.js'));

const BASE = 'http://peer.invalid/';
let server = { m: new Map(), t: new Map() };
const fetcher = {
  async downloadFile(url, max, handler) {
    const bytes = await fetcher.downloadBytes(url, max);
    disk.set('/download', bytes);
    return handler('/download');
  },
  async downloadBytes(url, max) {
    const where = url.startsWith(BASE + 'm/') ? 'm' : url.startsWith(BASE + 't/') ? 't' : null;
    let name = where ? url.slice(BASE.length + 2) : url;
    // The name of a metadata file keeps its escapes; of a target's URL the server undoes them.
    if (where === 't') name = decodeURIComponent(name);
    // encodeURIComponent() leaves these as they are, others escape them: the server has one file for both.
    if (where === 'm') name = name.replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
    const bytes = where ? server[where].get(name) : undefined;
    if (bytes === undefined) throw new DownloadHTTPError('no ' + url, 404);
    if (bytes.length > max) throw new DownloadLengthMismatchError('Max length reached');
    return bytes;
  },
};

const DIR = '/cache', TARGETS = '/targets';
const plain = (e) => String(e && e.message ? e.constructor.name + ': ' + e.message : e).replace(/[\t\n|]/g, ' ').slice(0, 240);

function stored(role) {
  try { return Number(JSON.parse(disk.get(`${DIR}/${role}.json`).toString()).signed.version) || 0; } catch { return 0; }
}

async function run(finds) {
  let updater, why = '';
  try {
    updater = new Updater({ metadataDir: DIR, metadataBaseUrl: BASE + 'm', targetDir: TARGETS, targetBaseUrl: BASE + 't', fetcher });
    await updater.refresh();
  } catch (e) { why = plain(e); }
  let line = `${why ? 'no' : 'ok'} ${['root', 'timestamp', 'snapshot', 'targets'].map(stored).join('/')} ${why}`;
  for (const find of why ? [] : finds) {
    let found;
    try {
      const info = await updater.getTargetInfo(find);
      if (!info) throw new Error('not found');
      const file = await updater.downloadTarget(info);
      found = crypto.createHash('sha256').update(disk.get(file)).digest('hex').slice(0, 8);
    } catch (e) { found = '-' + plain(e); }
    line += `|${find}=${found}`;
  }
  return line;
}

// ---- cases
const input = { bytes: Buffer.alloc(0), at: 0 };
function more() {
  const chunk = Buffer.allocUnsafe(1 << 20);
  let n;
  for (;;) {
    try { n = realFs.readSync(0, chunk, 0, chunk.length, null); break; } catch (e) {
      if (e.code === 'EOF') { n = 0; break; }
      if (e.code !== 'EAGAIN') throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  input.bytes = Buffer.concat([input.bytes.subarray(input.at), chunk.subarray(0, n)]);
  input.at = 0;
  return n > 0;
}
function line() {
  for (;;) {
    const end = input.bytes.indexOf(10, input.at);
    if (end >= 0) {
      const text = input.bytes.toString('latin1', input.at, end);
      input.at = end + 1;
      return text;
    }
    if (!more()) return null;
  }
}
function take(n) {
  while (input.bytes.length - input.at < n + 1) if (!more()) throw new Error('the cases are cut off');
  const bytes = Buffer.from(input.bytes.subarray(input.at, input.at + n));
  input.at += n + 1;
  return bytes;
}

async function cases() {
  let out = [], finds = [], text, first = true;
  const end = () => { if (!first) process.stdout.write(out.join('\t') + '\n'); first = false; };
  while ((text = line()) !== null) {
    const word = text.split(' ');
    if (word[0] === 'case') {
      end();
      out = [word[1], word[2]];
      disk.clear();
      server = { m: new Map(), t: new Map() };
      finds = [];
    } else if (word[0] === 'now') now = Number(word[1]) * 1000;
    else if (word[0] === 'trust') disk.set(`${DIR}/root.json`, take(Number(word[1])));
    else if (word[0] === 'find') finds.push(take(Number(word[1])).toString());
    else if (word[0] === 'drop') server[word[1]].delete(take(Number(word[2])).toString());
    else if (word[0] === 'put') {
      const both = take(Number(word[2]) + Number(word[3])), n = Number(word[2]);
      server[word[1]].set(both.toString('utf8', 0, n), both.subarray(n));
    } else if (word[0] === 'run') {
      out.push(await run(finds));
      finds = [];
    } else throw new Error('no such line: ' + text);
  }
  end();
}

function read(dir, below, into) {
  for (const entry of realFs.readdirSync(path.join(dir, below), { withFileTypes: true })) {
    const name = below ? below + '/' + entry.name : entry.name;
    if (entry.isDirectory()) read(dir, name, into);
    else into.set(name, realFs.readFileSync(path.join(dir, name)));
  }
}

async function repository(dir, root, seconds, targets) {
  read(path.join(dir, 'metadata'), '', server.m);
  read(path.join(dir, 'targets'), '', server.t);
  now = Number(seconds) * 1000;
  disk.set(`${DIR}/root.json`, realFs.readFileSync(root));
  console.log(await run(targets));
}

const rest = process.argv.slice(3);
(rest.length ? repository(rest[0], rest[1], rest[2], rest.slice(3)) : cases()).catch((e) => { console.error(e); process.exit(2); });
