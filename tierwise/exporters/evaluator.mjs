// Decides as tierwise/evaluator.py does, which describes requests, features and scores. Where JavaScript differs from Python
// (lengths in code points, what is a letter, a digit or a blank, how numbers are rounded and summed), Python's way is taken.

const every = (name) => new RegExp(PATTERNS[name], "gu");
const [WORD, CODE, MATHS, OPTION, LIST, SENTENCE, GAP] = ["word", "code", "maths", "option", "list", "sentence", "blank"].map(every);
const JSON_WORD = new RegExp(PATTERNS.json, "u");
const IS_WORD = new RegExp(`[${WORDLIKE}]`, "u");
const IS_DIGIT = /[\p{Nd}$DIGITS]/u;
const DIGITS = /[\p{Nd}$DIGITS]/gu;
const CAPITALS = /\p{Uppercase}/gu;
const NOT_ASCII = /[^\x00-\x7f]/gu;
const SURROUNDING = new RegExp(`^[${BLANK}]+|[${BLANK}]+$`, "gu");
const IMAGES = ["image_url", "input_image", "image"];
const GROUPS = Object.entries(KEYWORDS).map(([name, words]) => [name, new Set(words.split(" "))]);

const isText = (v) => typeof v === "string";
const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const own = (object, key) => (Object.hasOwn(object, key) ? object[key] : undefined);
const count = (text, pattern) => (text.match(pattern) ?? []).length;
const size = (text) => { let n = 0; for (const _ of text) n++; return n; };

function field(value, key) {
  if (!isObject(value)) throw new TypeError("not an object");
  return own(value, key);
}

// Python's truth of a JSON value: empty lists and objects are false.
function truth(value) {
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

// A value as a key of a table: lists and objects cannot be one.
function key(value) {
  if (value !== null && typeof value === "object") throw new TypeError("unhashable");
  return value;
}

function looked(table, value, otherwise) {
  return isText(key(value)) && Object.hasOwn(table, value) ? table[value] : otherwise;
}

function shown(value) {
  if (value === null) return "None";
  if (isText(value)) return value;
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

function log1p(x) {
  if (x <= -1) throw new RangeError("math domain error");
  return Math.log1p(x);
}

function contentText(content) {
  if (isText(content)) return content;
  if (!Array.isArray(content)) return "";
  return content.map((p) => (isObject(p) ? own(p, "text") : p)).filter(isText).join("\n");
}

function requestText(messages) {
  for (const message of [...messages].reverse()) if (field(message, "role") === "user") return contentText(own(message, "content"));
  return "";
}

const tokens = (text) => Math.floor(size(text) / 4);

function clip(text) {
  if (text.length <= HEAD + TAIL) return text;
  const points = Array.from(text);
  return points.length <= HEAD + TAIL ? text : points.slice(0, HEAD).join("") + "\n" + points.slice(-TAIL).join("");
}

const words = (text) => clip(text).toLowerCase().match(WORD) ?? [];

function terms(text) {
  const single = words(text).map((w) => (IS_DIGIT.test(first(w)) ? "0" : w));
  return [...single, ...single.slice(1).map((b, i) => `${single[i]} ${b}`)];
}

const first = (text) => String.fromCodePoint(text.codePointAt(0));

function magnitude(number) {
  const whole = number.split(".")[0].replaceAll(",", "");
  return Math.min(size(whole), 12) + Math.max("0123456789".indexOf(first(whole)), 0) / 10;
}

function features(messages) {
  const whole = requestText(messages), text = clip(whole), found = words(whole);
  const length = Math.max(size(text), 1), n = Math.max(found.length, 1);
  const alphabetic = found.filter((w) => !IS_DIGIT.test(first(w))), numbers = found.filter((w) => IS_DIGIT.test(first(w)));
  const lines = text.split("\n");
  const roles = messages.map((m) => field(m, "role"));
  const out = {
    log_tokens: log1p(tokens(whole)), numbers: log1p(numbers.length), number_share: numbers.length / n, digit_share: count(text, DIGITS) / length,
    largest_number: numbers.reduce((most, w) => Math.max(most, magnitude(w)), 0),
    decimals: log1p(numbers.filter((w) => w.includes(".")).length), money_percent: log1p(count(text, /[$%€£¥]/gu)),
    code_marks: log1p(count(text, CODE)), maths_marks: log1p(count(text, MATHS)), question_marks: log1p(count(text, /[?？]/gu)),
    opens_what: Number(["what", "which", "who", "when", "where"].includes(found[0])),
    asks_why_how: Number(found.includes("why") || found.includes("how")),
    blanks: log1p(count(text, GAP)), lines: log1p(lines.length), longest_line: log1p(lines.reduce((most, l) => Math.max(most, size(l)), 0)),
    sentences: log1p(count(text, SENTENCE)),
    word_length: alphabetic.reduce((sum, w) => sum + size(w), 0) / Math.max(alphabetic.length, 1),
    long_words: alphabetic.filter((w) => size(w) > 8).length / n, distinct_words: new Set(found).size / n,
    capitals: count(text, CAPITALS) / length, non_ascii: count(text, NOT_ASCII) / length,
    list_items: log1p(count(text, LIST)), options: log1p(count(text, OPTION)), asks_json: Number(JSON_WORD.test(text)),
    quotes: log1p(count(text, /["“]/gu)),
    earlier_turns: log1p(Math.max(roles.filter((r) => r === "user" || r === "assistant").length - 1, 0)),
    system_prompt: Number(roles.some((r) => r === "system" || r === "developer")),
  };
  for (const [name, group] of GROUPS) out[name] = log1p(found.filter((w) => group.has(w)).length);
  return out;
}

const before = (text, at) => (at > 0 ? Array.from(text.slice(Math.max(at - 2, 0), at)).at(-1) : "");
const after = (text, at) => (at < text.length ? first(text.slice(at)) : "");

function keywordFound(text, given) {
  const keyword = given.toLowerCase();
  if (keyword.includes(" ")) return text.includes(keyword);
  const opens = IS_WORD.test(first(keyword)), closes = IS_WORD.test(Array.from(keyword).at(-1));
  for (let at = text.indexOf(keyword); at >= 0; at = text.indexOf(keyword, at + 1)) {
    if (IS_WORD.test(before(text, at)) !== opens && IS_WORD.test(after(text, at + keyword.length)) !== closes) return true;
  }
  return false;
}

function hasPart(messages, kinds) {
  const lists = messages.map((m) => field(m, "content")).filter(Array.isArray);
  return lists.flat().some((p) => isObject(p) && kinds.includes(own(p, "type")));
}

const truthy = (value) => ["true", "1", "yes"].includes(value === undefined ? "none" : shown(value).toLowerCase());

function matches(when, messages, metadata) {
  const text = requestText(messages), length = tokens(text), lower = text.toLowerCase();
  return Object.entries(when).every(([condition, wanted]) => {
    switch (condition) {
      case "metadata":
        return Object.entries(wanted).every(([k, values]) => Object.hasOwn(metadata, k) && values.includes(shown(metadata[k])));
      case "request_type": return wanted.includes(own(metadata, "request_type"));
      case "keywords_any": return wanted.some((k) => keywordFound(lower, k));
      case "tokens_gte": return length >= wanted;
      case "tokens_lt": return length < wanted;
      case "has_image": return wanted === (hasPart(messages, IMAGES) || truthy(own(metadata, "has_image")));
      case "has_tools": {
        const called = messages.some((m) => truth(field(m, "tool_calls")) || m.role === "tool");
        return wanted === (called || truthy(own(metadata, "has_tools")));
      }
      default: throw new Error(`unknown condition ${condition}`);
    }
  });
}

const logistic = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

// Python's float() of a metadata value.
function toNumber(value) {
  if (!truth(value ?? null)) return 0;
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  const text = isText(value) ? value.replace(SURROUNDING, "") : "";
  if (/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/i.test(text)) return Number(text.replaceAll("_", ""));
  const named = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (!named) throw new TypeError("not a number");
  return named[2].toLowerCase() === "nan" ? NaN : named[1] === "-" ? -Infinity : Infinity;
}

// Python's math.fsum: the exact sum, rounded once.
function fsum(values) {
  const parts = [];
  let infinite = 0;
  for (let x of values) {
    if (!Number.isFinite(x)) { infinite += x; continue; }
    let kept = 0;
    for (let y of parts) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y, low = y - (high - x);
      if (!Number.isFinite(high)) throw new RangeError("overflow");
      if (low) parts[kept++] = low;
      x = high;
    }
    parts.length = kept;
    parts.push(x);
  }
  if (infinite !== 0) {
    if (Number.isNaN(infinite) && !values.some(Number.isNaN)) throw new RangeError("infinities of both signs");
    return infinite;
  }
  let n = parts.length, high = 0, low = 0;
  if (n) {
    high = parts[--n];
    while (n) {
      const x = high, y = parts[--n];
      high = x + y;
      low = y - (high - x);
      if (low) break;
    }
    if (n && ((low < 0 && parts[n - 1] < 0) || (low > 0 && parts[n - 1] > 0))) {
      const y = low * 2, x = high + y;
      if (y === x - high) high = x;
    }
  }
  return high;
}

function termValue(term, messages, metadata, known) {
  const text = () => requestText(messages);
  switch (term.feature) {
    case "token_bucket": { const n = tokens(text()); return n < term.lo ? -1 : n > term.hi ? 1 : 0; }
    case "log1p_tokens": return log1p(tokens(text()));
    case "keyword_group": { const lower = text().toLowerCase(); return Number(term.keywords.some((k) => keywordFound(lower, k))); }
    case "metadata_number": return toNumber(own(metadata, term.key));
    case "request_type": return Number(own(metadata, "request_type") === term.value);
    default: return known()[term.feature];
  }
}

function contributions(spec, messages, metadata) {
  let read;
  const known = () => (read ??= features(messages));
  if (spec.type === "linear") return spec.terms.map((t) => t.weight * termValue(t, messages, metadata, known));
  const out = Object.entries(spec.features).map(([name, weight]) => weight * known()[name]);
  out.push(looked(spec.request_types, own(metadata, "request_type") ?? null, 0));
  const counts = new Map();
  for (const term of terms(requestText(messages))) {
    if (Object.hasOwn(spec.vocabulary, term)) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  const weighted = [...counts].map(([term, n]) => [term, (1 + Math.log(n)) * spec.vocabulary[term][0]]);
  const norm = Math.sqrt(weighted.reduce((sum, [, v]) => sum + v * v, 0)) || 1;
  return [...out, ...weighted.map(([term, v]) => (v / norm) * spec.vocabulary[term][1])];
}

function walk(tree, values) {
  let node = 0;
  while (tree.feature[node] >= 0) node = values[tree.feature[node]] <= tree.threshold[node] ? tree.left[node] : tree.right[node];
  return tree.value[node];
}

function raw(spec, messages, metadata) {
  switch (spec.type) {
    case "constant": return spec.value;
    case "table": return looked(spec.values, own(metadata, "request_type") ?? null, spec.default);
    case "rules": { const rule = spec.rules.find((r) => matches(r.when, messages, metadata)); return rule ? rule.score : spec.default; }
    case "linear": case "text_linear": {
      const total = spec.intercept + fsum(contributions(spec, messages, metadata));
      return spec.link === "identity" ? total : logistic(total);
    }
    case "tree": case "forest": {
      const known = features(messages), type = own(metadata, "request_type");
      const values = spec.columns.map((c) => (c.startsWith("type=") ? Number(c.slice(5) === type) : known[c]));
      const trees = spec.type === "tree" ? [spec.tree] : spec.trees;
      return fsum(trees.map((tree) => walk(tree, values))) / trees.length;
    }
    case "mean":
      return fsum(spec.members.map((m) => m.weight * score(m.spec, messages, metadata))) / fsum(spec.members.map((m) => m.weight));
    case "hash": {
      const digest = sha256(`${spec.seed ?? 0}\n${requestText(messages)}`);
      return Number(digest.slice(0, 7).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)) / 2 ** 56;
    }
    default: throw new Error(`unknown score type ${spec.type}`);
  }
}

// Python's round(x, 10) for x in [0, 1]: ties, which only a dyadic number can be, go to the even digit.
function rounded(x) {
  if ((x * 2048) % 2 !== 1) return Number.isNaN(x) ? x : Number(x.toFixed(10));
  const exact = x.toFixed(11).slice(0, -1);
  return Number(exact.at(-1) % 2 ? x.toFixed(10) : exact);
}

function bisect(list, x, right) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (right ? x < list[middle] : !(list[middle] < x)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function score(spec, messages, metadata) {
  let value = raw(spec, messages, metadata);
  value = 0 > value ? 0 : value;
  value = rounded(1 < value ? 1 : value);
  const ranks = spec.quantiles;
  return ranks?.length ? (bisect(ranks, value, false) + bisect(ranks, value, true)) / (2 * ranks.length) : value;
}

function asks(messages) {
  const said = messages.some((m) => field(m, "role") === "user" && contentText(own(m, "content")).replace(SURROUNDING, ""));
  return said || hasPart(messages, IMAGES);
}

function bytes(text) {
  const out = [];
  for (const letter of text) {
    const c = letter.codePointAt(0);
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
    else out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  return out;
}

const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);
const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
const ROUNDS = PRIMES.map((p) => fraction(Math.cbrt(p)));

function sha256(text) {
  const data = bytes(text), length = data.length;
  data.push(0x80);
  while (data.length % 64 !== 56) data.push(0);
  for (let i = 7; i >= 0; i--) data.push(Math.floor((length * 8) / 2 ** (8 * i)) & 255);
  const hash = PRIMES.slice(0, 8).map((p) => fraction(Math.sqrt(p))), turn = (x, n) => (x >>> n) | (x << (32 - n)), w = new Int32Array(64);
  for (let at = 0; at < data.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = (data[at + 4 * i] << 24) | (data[at + 4 * i + 1] << 16) | (data[at + 4 * i + 2] << 8) | data[at + 4 * i + 3];
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => { hash[i] = (hash[i] + x) | 0; });
  }
  return hash.flatMap((x) => [(x >>> 24) & 255, (x >>> 16) & 255, (x >>> 8) & 255, x & 255]);
}

function decision(tier, value, why) {
  const model = POLICY.tiers.find((t) => t.name === tier)?.model;
  return { tier, model: model?.litellm_model ?? null, score: value, why };
}

/** Where a request goes: rules first, then the score against the thresholds. Whatever goes wrong gives the tier for errors. */
export function choose(messages, metadata = {}) {
  try {
    const told = truth(metadata ?? null) ? metadata : {};
    if (!truth(messages ?? null)) messages = [];
    if (!asks(messages)) return decision(POLICY.default_tier, null, "no user message: the default tier");
    const rule = POLICY.rules.find((r) => matches(r.when, messages, told));
    if (rule) return decision(rule.tier, null, `rule ${rule.id}`);
    const value = score(POLICY.score, messages, told);
    const step = POLICY.thresholds.find((s) => !("lt" in s) || value < s.lt);
    return decision(step.tier, value, `score ${value.toFixed(3)} is ` + ("lt" in step ? `under ${step.lt}` : "above every threshold"));
  } catch (error) {
    return decision(POLICY.on_error_tier, null, `could not be scored (${error}): the tier for errors`);
  }
}

/** Whether the last tier is to answer a request too, so that both answers can be graded. The same id always gives the same answer. */
export function shadowed(decision, requestId) {
  const watch = POLICY.shadow;
  if (!watch || decision.tier === POLICY.tiers.at(-1).name) return false;
  if (POLICY.rules.some((r) => r.pin && decision.why === `rule ${r.id}`)) return false;
  const [first, ...rest] = sha256(String(requestId)).slice(0, 6), last = sha256(String(requestId))[6] >> 4;
  return (rest.reduce((sum, byte) => sum * 256 + byte, first) * 16 + last) / 2 ** 52 < watch.rate;
}

export default choose;
