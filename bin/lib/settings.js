'use strict';

// A settings file of Claude Code, as text. Our hook entries and our status line are put in and taken out by edits on the text, so
// that every byte which is not ours stays: comments, key order, indentation, line ends, trailing commas, byte order mark, foreign hooks.
// Nothing here reads or writes a file.
//
// A file is parsed by jsonc-parser; the edits are placed here rather than by its `modify`, which moves a comment behind the
// last entry away from its line and leaves white space behind on removal. What is put in at a place is taken out again to the
// byte by the mirror edit.

const { SyntaxKind, applyEdits, createScanner, getNodeValue, parseTree, printParseErrorCode } = require('jsonc-parser');
const { isDeepStrictEqual } = require('node:util');
const { RecoverError } = require('./errors.js');

/** @typedef {import('jsonc-parser').Node} Node */
/** @typedef {import('jsonc-parser').Edit} Edit */
/** @typedef {{event: string, matcher: string | null, hook: Record<string, unknown>}} HookEntry */
/** @typedef {{kind: number, offset: number, end: number}} Token */
/**
 * A settings file that parsed: its text without byte order mark, and the node of its object (`null`: nothing in it yet).
 * @typedef {{text: string, root: Node | null}} Document
 */
/** One hook of ours: its group in the event's array and its place in the group. @typedef {{event: string, group: Node, node: Node, matcher: string | null}} OurHook */

const BOM = '\uFEFF';

/**
 * Puts our hook entries into a settings file.
 *
 * An entry that is already there as wanted is left alone; one of ours with other fields is replaced where it stands; further
 * ones of ours are taken out. New entries go to the end of their event's list.
 *
 * @param {string | null} text The file's text with its byte order mark; `null` when there is no file.
 * @param {HookEntry[]} entries What should be in it.
 * @param {string} marker A hook whose command or arguments contain this text is ours.
 * @returns {{text: string, changed: boolean, warnings: string[]}}
 * @throws {RecoverError} `SETTINGS_UNPARSABLE`, `SETTINGS_DUPLICATE_KEY` or `SETTINGS_SHAPE`; the file is not to be touched then.
 */
function withHooks(text, entries, marker) {
  const { bom, body } = splitBom(text ?? '');
  let current = body;
  const document = read(current);
  const warnings = warningsFor(document);
  if (document.root === null) current = withEmptyRoot(current);
  const limit = 2 * (entries.length + ourHooks(document, marker).length);
  let steps = 0;

  for (const event of eventsOf(current, entries)) {
    const wanted = entries.filter((entry) => entry.event === event);
    // One edit at a time, each on a fresh parse: offsets never have to be carried over.
    for (let next = oneStep(current, event, wanted, marker); next !== null; next = oneStep(current, event, wanted, marker)) {
      steps += 1;
      // Each step adds, replaces or removes one hook. More steps than hooks means that one had no effect.
      if (steps > limit) throw uneditable();
      current = next;
    }
  }
  const result = bom + current;
  ensureForeignValues(body, current, marker);
  return { text: result, changed: result !== text, warnings };
}

/**
 * Takes our hook entries out of a settings file. Lists and objects that are empty only because ours left them go too; a comment
 * in them keeps them.
 *
 * @param {string | null} text The file's text with its byte order mark; `null` when there is no file.
 * @param {string} marker A hook whose command or arguments contain this text is ours.
 * @returns {{text: string | null, changed: boolean, removed: number}} `removed` counts hooks.
 * @throws {RecoverError} As {@link withHooks}.
 */
function withoutHooks(text, marker) {
  if (text === null) return { text: null, changed: false, removed: 0 };
  const { bom, body } = splitBom(text);
  let current = body;
  let removed = 0;
  let left = Infinity;
  for (;;) {
    const document = read(current);
    const ours = ourHooks(document, marker);
    const [first] = ours;
    if (first === undefined) break;
    if (ours.length >= left) throw uneditable();
    left = ours.length;
    current = withoutHook(current, first);
    removed += 1;
  }
  ensureForeignValues(body, current, marker);
  return { text: bom + current, changed: removed > 0, removed };
}

/**
 * Puts our status line into a settings file: around the command that is there, whose other keys stay, or as a new one. Ours
 * carries the command it wraps, so that it can be put back from the settings alone.
 *
 * @param {string | null} text The file's text with its byte order mark; `null` when there is no file.
 * @param {{command: string, refreshInterval: number | null}} entry
 * @param {string} marker A status line whose command contains this text is ours.
 * @returns {{text: string, changed: boolean}}
 * @throws {RecoverError} As {@link withHooks}.
 */
function withStatusLine(text, entry, marker) {
  const { bom, body } = splitBom(text ?? '');
  let current = body;
  if (read(current).root === null) current = withEmptyRoot(current);
  const document = read(current);
  const found = statusLineIn(document);
  if (found === null) {
    const value = { type: 'command', command: wrapping('', entry.command), ...(entry.refreshInterval === null ? {} : { refreshInterval: entry.refreshInterval }) };
    current = inserted(current, /** @type {Node} */ (document.root), { key: 'statusLine', value });
  } else {
    const wanted = wrapping(wrappedBy(found.command.value, marker) ?? found.command.value, entry.command);
    if (found.command.value !== wanted) current = replaced(current, found.command, wanted);
  }
  const result = bom + current;
  return { text: result, changed: result !== text };
}

/**
 * Takes our status line out of a settings file: the command that it wraps comes back, and where it wraps none it goes whole.
 *
 * @param {string | null} text The file's text with its byte order mark; `null` when there is no file.
 * @param {string} marker A status line whose command contains this text is ours.
 * @returns {{text: string | null, changed: boolean}}
 * @throws {RecoverError} As {@link withHooks}.
 */
function withoutStatusLine(text, marker) {
  if (text === null) return { text: null, changed: false };
  const { bom, body } = splitBom(text);
  if (!body.includes(marker)) return { text, changed: false };
  const found = statusLineIn(read(body));
  const wrapped = found === null ? null : wrappedBy(found.command.value, marker);
  if (found === null || wrapped === null) return { text, changed: false };
  const edited = wrapped === '' ? taken(body, holderOf(found.object)) : replaced(body, found.command, wrapped);
  return { text: bom + edited, changed: true };
}

/** Our command around another. @param {string} command @param {string} own */
function wrapping(command, own) {
  return `ccsr_line='${command.replaceAll("'", "'\\''")}'; ${own}`;
}

/** The command that a status line of ours wraps, which may be empty; `null` when it is not ours. @param {string} command @param {string} marker */
function wrappedBy(command, marker) {
  if (!command.includes(marker)) return null;
  const ours = /^ccsr_line='((?:[^']|'\\'')*)'; /.exec(command);
  return ours === null ? null : ours[1].replaceAll("'\\''", "'");
}

// ---- What is in a file -------------------------------------------------------------------------------------------------

/** @param {string} text */
function splitBom(text) {
  return text.startsWith(BOM) ? { bom: BOM, body: text.slice(BOM.length) } : { bom: '', body: text };
}

/**
 * @param {string} text Without byte order mark.
 * @returns {Document}
 */
function read(text) {
  if (tokensBetween(text, 0, text.length).every(isComment)) return { text, root: null };
  /** @type {import('jsonc-parser').ParseError[]} */
  const errors = [];
  let root;
  try {
    root = parseTree(text, errors, { allowTrailingComma: true });
  } catch (cause) {
    // The parser recurses; nesting of many thousand levels overflows its stack.
    throw unparsable('it is nested too deeply', undefined, cause);
  }
  if (errors.length > 0) throw unparsable(wordsFor(errors[0].error), position(text, errors[0].offset));
  if (root === undefined) throw unparsable('it holds no value', position(text, 0));
  if (root.type === 'null') return { text, root: null };
  if (root.type !== 'object') {
    throw unparsable(`it holds ${article(root.type)} where an object is expected`, position(text, root.offset));
  }
  const hooks = onlyValue(text, root, 'hooks');
  if (hooks !== undefined) {
    if (hooks.type !== 'object') throw misshapen(text, hooks, '"hooks"', 'an object');
    for (const property of hooks.children ?? []) {
      const name = keyOf(property);
      const list = onlyValue(text, hooks, name);
      if (list !== undefined && list.type !== 'array') throw misshapen(text, list, `"hooks.${name}"`, 'an array');
    }
  }
  return { text, root };
}

/**
 * The value of a key that must not stand twice: of two equal keys Claude Code takes the last, a careless edit the first.
 *
 * @param {string} text
 * @param {Node} object
 * @param {string} key
 * @returns {Node | undefined}
 */
function onlyValue(text, object, key) {
  const properties = (object.children ?? []).filter((property) => keyOf(property) === key);
  if (properties.length > 1) {
    const at = position(text, properties[1].offset);
    throw new RecoverError(
      'SETTINGS_DUPLICATE_KEY',
      `the key "${key}" stands twice in the settings file (again in line ${at.line}, column ${at.column})`,
      { hint: 'keep one of the two and run this again; the file was left as it is' },
    );
  }
  return properties[0]?.children?.[1];
}

/**
 * The status line that is set: its object and its command.
 *
 * @param {Document} document
 * @returns {{object: Node, command: Node} | null}
 */
function statusLineIn({ text, root }) {
  const object = root === null ? undefined : onlyValue(text, root, 'statusLine');
  if (object === undefined) return null;
  if (object.type !== 'object') throw misshapen(text, object, '"statusLine"', 'an object');
  const command = onlyValue(text, object, 'command');
  if (command?.type !== 'string') throw misshapen(text, command ?? object, '"statusLine.command"', 'a string');
  return { object, command };
}

/** @param {Node} property */
function keyOf(property) {
  return String(property.children?.[0]?.value);
}

/**
 * Every hook of ours, in the order of the file.
 *
 * @param {Document} document
 * @param {string} marker
 * @returns {OurHook[]}
 */
function ourHooks(document, marker) {
  if (document.root === null) return [];
  const hooks = onlyValue(document.text, document.root, 'hooks');
  const found = [];
  for (const property of hooks?.children ?? []) {
    const event = keyOf(property);
    for (const group of property.children?.[1]?.children ?? []) {
      if (group.type !== 'object') continue;
      const list = valueIn(group, 'hooks');
      if (list?.type !== 'array') continue;
      const matcher = valueIn(group, 'matcher');
      for (const node of list.children ?? []) {
        if (isOurs(node, marker)) found.push({ event, group, node, matcher: matcher?.type === 'string' ? matcher.value : null });
      }
    }
  }
  return found;
}

/**
 * @param {Node} object
 * @param {string} key
 * @returns {Node | undefined}
 */
function valueIn(object, key) {
  return (object.children ?? []).findLast((property) => keyOf(property) === key)?.children?.[1];
}

/**
 * @param {Node} node
 * @param {string} marker
 */
function isOurs(node, marker) {
  if (node.type !== 'object') return false;
  const command = valueIn(node, 'command');
  const args = valueIn(node, 'args');
  return [command, ...(args?.children ?? [])].some((part) => part?.type === 'string' && part.value.includes(marker));
}

/**
 * Refuses an edit that changed a value which is not ours, such as a hook that slipped behind a comment.
 *
 * @param {string} before
 * @param {string} after
 * @param {string} marker
 */
function ensureForeignValues(before, after, marker) {
  if (!isDeepStrictEqual(foreignIn(before, marker), foreignIn(after, marker))) throw uneditable();
}

/** Whether an entry of an event's list has hooks. @param {any} group */
function isGroup(group) {
  return Array.isArray(group?.hooks);
}

/** The value of a settings file without hooks of ours, and without lists in `hooks` that are empty. @param {string} text @param {string} marker */
function foreignIn(text, marker) {
  const { root } = read(text);
  const value = root === null ? {} : getNodeValue(root);
  const ours = (/** @type {any} */ hook) => [hook?.command, ...(Array.isArray(hook?.args) ? hook.args : [])].some((part) => typeof part === 'string' && part.includes(marker));
  const events = Object.entries(value.hooks ?? {}).map(([event, groups]) => {
    const left = groups.map((/** @type {any} */ group) => (isGroup(group) ? { ...group, hooks: group.hooks.filter((/** @type {any} */ hook) => !ours(hook)) } : group));
    return [event, left.filter((/** @type {any} */ group) => !isGroup(group) || group.hooks.length > 0)];
  });
  const { hooks: _hooks, ...rest } = value;
  return { rest, events: events.filter(([, groups]) => groups.length > 0) };
}

/** @param {Document} document */
function warningsFor(document) {
  const off = document.root === null ? undefined : valueIn(document.root, 'disableAllHooks');
  return off?.value === true
    ? ['"disableAllHooks": true in this settings file switches all hooks off, ours too: nothing is noticed or continued until it is removed']
    : [];
}

// ---- One step towards the wanted entries ---------------------------------------------------------------------------------

/**
 * Events to go through: those wanted, then those where only older entries of ours can be.
 *
 * @param {string} text
 * @param {HookEntry[]} entries
 * @returns {Set<string>}
 */
function eventsOf(text, entries) {
  const { root } = read(text);
  const hooks = root === null ? undefined : onlyValue(text, root, 'hooks');
  return new Set([...entries.map((entry) => entry.event), ...(hooks?.children ?? []).map(keyOf)]);
}

/**
 * The text after the first edit that one event still needs, or `null` when it is as wanted.
 *
 * @param {string} text
 * @param {string} event
 * @param {HookEntry[]} wanted Entries of this event.
 * @param {string} marker
 * @returns {string | null}
 */
function oneStep(text, event, wanted, marker) {
  const document = read(text);
  const present = ourHooks(document, marker).filter((hook) => hook.event === event);
  const { pairs, missing, surplus } = paired(present, wanted);
  for (const { hook, entry } of pairs) {
    if (!isDeepStrictEqual(plain(getNodeValue(hook.node)), plain(entry.hook))) return replaced(text, hook.node, entry.hook);
  }
  if (surplus.length > 0 && missing.length > 0) {
    // An older entry of ours with another matcher: when the group is ours alone it is replaced where it stands.
    const alone = surplus.find((hook) => hook.group.children !== undefined && valueIn(hook.group, 'hooks')?.children?.length === 1);
    if (alone !== undefined) return replaced(text, alone.group, groupFor(missing[0]));
  }
  if (surplus.length > 0) return withoutHook(text, surplus[surplus.length - 1]);
  if (missing.length > 0) return withGroup(document, event, groupFor(missing[0]));
  return null;
}

/**
 * Which hook stands for which wanted entry. Equal ones are paired first, so that a stale duplicate before a good one goes.
 *
 * @param {OurHook[]} present
 * @param {HookEntry[]} wanted
 */
function paired(present, wanted) {
  const surplus = [...present];
  const missing = [];
  const pairs = [];
  for (const entry of wanted) {
    const candidates = surplus.filter((hook) => hook.matcher === entry.matcher);
    const hook = candidates.find(({ node }) => isDeepStrictEqual(plain(getNodeValue(node)), plain(entry.hook))) ?? candidates[0];
    if (hook === undefined) {
      missing.push(entry);
    } else {
      pairs.push({ hook, entry });
      surplus.splice(surplus.indexOf(hook), 1);
    }
  }
  return { pairs, missing, surplus };
}

/** @param {unknown} value A value as JSON would carry it, for comparing. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

/** @param {HookEntry} entry */
function groupFor(entry) {
  return entry.matcher === null ? { hooks: [entry.hook] } : { matcher: entry.matcher, hooks: [entry.hook] };
}

/**
 * @param {Document} document
 * @param {string} event
 * @param {unknown} group
 */
function withGroup(document, event, group) {
  const root = /** @type {Node} */ (document.root);
  const hooks = onlyValue(document.text, root, 'hooks');
  if (hooks === undefined) return inserted(document.text, root, { key: 'hooks', value: { [event]: [group] } });
  const list = onlyValue(document.text, hooks, event);
  if (list === undefined) return inserted(document.text, hooks, { key: event, value: [group] });
  return inserted(document.text, list, { value: group });
}

/**
 * Takes one hook out, and with it the group, the event and `hooks` as far as nothing else is left in them.
 *
 * @param {string} text
 * @param {OurHook} hook
 */
function withoutHook(text, hook) {
  let node = hook.node;
  for (let depth = 0; depth < 3; depth += 1) {
    // hook -> its list -> the group; group -> the event's list -> the event; event -> the `hooks` object -> `hooks`.
    const holder = holderOf(node);
    if (!isAlone(text, holder)) break;
    node = depth === 0 ? hook.group : /** @type {Node} */ (holder.parent);
  }
  return taken(text, node);
}

/** @param {Node} node */
function holderOf(node) {
  return /** @type {Node} */ (node.parent);
}

/**
 * Whether an object or array holds exactly one child and no comment.
 *
 * @param {string} text
 * @param {Node} holder
 */
function isAlone(text, holder) {
  const [child, second] = holder.children ?? [];
  if (child === undefined || second !== undefined) return false;
  const before = tokensBetween(text, holder.offset + 1, child.offset);
  const after = tokensBetween(text, endOf(child), endOf(holder) - 1);
  return ![...before, ...after].some(isComment);
}

// ---- Edits on the text ---------------------------------------------------------------------------------------------------

/**
 * A file in which nothing stands yet (empty, `null`, comments only) with an empty object in it.
 *
 * @param {string} text
 */
function withEmptyRoot(text) {
  const tokens = tokensBetween(text, 0, text.length);
  const value = tokens.find((token) => !isComment(token));
  if (value !== undefined) return applyEdits(text, [{ offset: value.offset, length: value.end - value.offset, content: '{}' }]);
  const eol = eolOf(text);
  const last = tokens[tokens.length - 1];
  return last === undefined ? `{}${eol}` : `${text.slice(0, last.end)}${eol}{}${text.slice(last.end) || eol}`;
}

/**
 * Puts an item behind everything else in an object or array.
 *
 * @param {string} text
 * @param {Node} holder
 * @param {{key?: string, value: unknown}} item
 */
function inserted(text, holder, item) {
  const children = holder.children ?? [];
  const close = endOf(holder) - 1;
  const last = children[children.length - 1];
  const inside = tokensBetween(text, last === undefined ? holder.offset + 1 : endOf(last), close);
  const trailing = inside.some((token) => token.kind === SyntaxKind.CommaToken);
  // Behind the last thing in there, be it a comment: a comment stays with what it follows.
  const place = inside.length > 0 ? inside[inside.length - 1].end : last === undefined ? holder.offset + 1 : endOf(last);

  /** @type {Edit[]} */
  const edits = [];
  const separate = last !== undefined && !trailing;
  if (separate) edits.push({ offset: endOf(last), length: 0, content: ',' });
  const comma = trailing ? ',' : '';
  if (isOneLine(text, holder) && inside[inside.length - 1]?.kind !== SyntaxKind.LineCommentTrivia) {
    const gap = last === undefined ? '' : gapOf(text);
    edits.push({ offset: place, length: 0, content: gap + written(text, item, null) + comma });
  } else {
    const eol = eolOf(text);
    const outer = indentAt(text, holder.offset);
    const indent = last !== undefined && startsItsLine(text, last.offset) ? indentAt(text, last.offset) : outer + unitOf(text);
    const content = eol + indent + written(text, item, indent) + comma;
    if (last !== undefined || hasBreak(text.slice(place, close))) edits.push({ offset: place, length: 0, content });
    else edits.push({ offset: place, length: close - place, content: content + eol + outer });
  }
  return applyEdits(text, edits);
}

/**
 * Takes one child out of its object or array: the mirror of {@link inserted}.
 *
 * @param {string} text
 * @param {Node} node
 */
function taken(text, node) {
  const holder = holderOf(node);
  const children = holder.children ?? [];
  const index = children.indexOf(node);
  const previous = children[index - 1];
  const next = children[index + 1];
  const close = endOf(holder) - 1;
  const before = tokensBetween(text, previous === undefined ? holder.offset + 1 : endOf(previous), node.offset);
  const after = tokensBetween(text, endOf(node), next === undefined ? close : next.offset);
  const following = after.find((token) => token.kind === SyntaxKind.CommaToken);
  const comment = before[before.length - 1]?.kind === SyntaxKind.LineCommentTrivia;
  // Behind a line comment the line break stays, unless the line of the node ends with it: what follows would become part of the comment.
  const keepsBreak = comment && !/^[ \t]*(?:[\r\n]|$)/.test(text.slice(endOf(node), following?.offset ?? text.length) + text.slice(following?.end ?? text.length));
  const start = keepsBreak ? node.offset : before.length > 0 ? before[before.length - 1].end : previous === undefined ? holder.offset + 1 : endOf(previous);

  /** @type {Edit[]} */
  const edits = [{ offset: start, length: endOf(node) - start, content: '' }];
  const preceding = before.find((token) => token.kind === SyntaxKind.CommaToken);
  if (following !== undefined) edits.push({ offset: following.offset, length: 1, content: '' });
  else if (preceding !== undefined) edits.push({ offset: preceding.offset, length: 1, content: '' });
  if (children.length === 1 && before.length === 0 && !after.some(isComment)) {
    // Nothing is left: no white space between the brackets either.
    return applyEdits(text, [{ offset: holder.offset + 1, length: close - holder.offset - 1, content: '' }]);
  }
  if (previous === undefined && next !== undefined && isOneLine(text, holder)) {
    // First in a line of several: the space behind its comma goes with it, the one before it stays.
    const from = /** @type {Token} */ (following).end;
    const comments = after.filter(isComment);
    if (comments.length === 0) return applyEdits(text, [{ offset: node.offset, length: from - node.offset + blanksAt(text, from), content: '' }]);
  }
  return applyEdits(text, edits);
}

/**
 * @param {string} text
 * @param {Node} node
 * @param {unknown} value
 */
function replaced(text, node, value) {
  const indent = isOneLine(text, node) ? null : indentAt(text, node.offset);
  return applyEdits(text, [{ offset: node.offset, length: node.length, content: written(text, { value }, indent) }]);
}

/**
 * An item as text in the file's own manner.
 *
 * @param {string} text
 * @param {{key?: string, value: unknown}} item
 * @param {string | null} indent Indentation of the item's line; `null` writes it in one line.
 */
function written(text, item, indent) {
  const gap = indent === null ? gapOf(text) : ' ';
  const value =
    indent === null
      ? inOneLine(item.value, gap)
      : JSON.stringify(item.value, null, unitOf(text)).replaceAll('\n', eolOf(text) + indent);
  return item.key === undefined ? value : `${JSON.stringify(item.key)}:${gap}${value}`;
}

/**
 * @param {unknown} value
 * @param {string} gap
 * @returns {string}
 */
function inOneLine(value, gap) {
  if (Array.isArray(value)) return `[${value.map((item) => inOneLine(item, gap)).join(`,${gap}`)}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const properties = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${gap}${inOneLine(item, gap)}`);
  return properties.length === 0 ? '{}' : `{${gap}${properties.join(`,${gap}`)}${gap}}`;
}

// ---- Manner of the file --------------------------------------------------------------------------------------------------

/**
 * Whether an object or array stands in one line and the file means it so: an empty one in a file of several lines, or an
 * empty file, is opened up instead.
 *
 * @param {string} text
 * @param {Node} node
 */
function isOneLine(text, node) {
  if (hasBreak(text.slice(node.offset, endOf(node)))) return false;
  if ((node.children ?? []).length > 0) return true;
  return node.parent !== undefined && !hasBreak(text.trim());
}

/** A carriage return alone ends a line too, and with it a comment. @param {string} text */
function hasBreak(text) {
  return /[\r\n]/.test(text);
}

/** Where the line begins in which an offset lies. @param {string} text @param {number} offset */
function lineStart(text, offset) {
  return offset <= 0 ? 0 : Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1;
}

/** @param {string} text */
function eolOf(text) {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
}

/** One level of indentation. @param {string} text */
function unitOf(text) {
  return /^([ \t]+)["{[\]}]/m.exec(text)?.[1] ?? '  ';
}

/** Space behind colons and commas of what stands in one line. @param {string} text */
function gapOf(text) {
  return /":[^\s]/.test(text) ? '' : ' ';
}

/**
 * White space at the start of the line in which an offset lies.
 *
 * @param {string} text
 * @param {number} offset
 */
function indentAt(text, offset) {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? '';
}

/**
 * @param {string} text
 * @param {number} offset
 */
function startsItsLine(text, offset) {
  return text.slice(lineStart(text, offset), offset).trim() === '';
}

/**
 * @param {string} text
 * @param {number} offset
 */
function blanksAt(text, offset) {
  return /^[ \t]*/.exec(text.slice(offset))?.[0].length ?? 0;
}

// ---- Tokens and places ---------------------------------------------------------------------------------------------------

/**
 * Commas, comments and values between two offsets, without white space.
 *
 * @param {string} text
 * @param {number} from
 * @param {number} to
 * @returns {Token[]}
 */
function tokensBetween(text, from, to) {
  const scanner = createScanner(text.slice(from, to), false);
  const tokens = [];
  for (let kind = scanner.scan(); kind !== SyntaxKind.EOF; kind = scanner.scan()) {
    if (kind === SyntaxKind.LineBreakTrivia || kind === SyntaxKind.Trivia) continue;
    const offset = from + scanner.getTokenOffset();
    tokens.push({ kind, offset, end: offset + scanner.getTokenLength() });
  }
  return tokens;
}

/** @param {Token} token */
function isComment(token) {
  return token.kind === SyntaxKind.LineCommentTrivia || token.kind === SyntaxKind.BlockCommentTrivia;
}

/** @param {Node} node */
function endOf(node) {
  return node.offset + node.length;
}

/**
 * Line and column, both from 1.
 *
 * @param {string} text
 * @param {number} offset
 */
function position(text, offset) {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - before.lastIndexOf('\n') };
}

// ---- Errors --------------------------------------------------------------------------------------------------------------

/**
 * @param {string} why
 * @param {{line: number, column: number}} [at]
 * @param {unknown} [cause]
 */
function unparsable(why, at, cause) {
  const where = at === undefined ? '' : ` (line ${at.line}, column ${at.column})`;
  return new RecoverError('SETTINGS_UNPARSABLE', `the settings file cannot be read: ${why}${where}`, {
    hint: 'mend the file and run this again; it was left as it is',
    cause,
  });
}

function uneditable() {
  return new RecoverError('SETTINGS_SHAPE', 'the settings file cannot be edited without changing something that is not ours', {
    hint: 'put each entry of its "hooks" on a line of its own and run this again; the file was left as it is',
  });
}

/**
 * @param {string} text
 * @param {Node} node
 * @param {string} what
 * @param {string} expected
 */
function misshapen(text, node, what, expected) {
  const at = position(text, node.offset);
  return new RecoverError(
    'SETTINGS_SHAPE',
    `${what} in the settings file is ${article(node.type)}, not ${expected} (line ${at.line}, column ${at.column})`,
    { hint: 'mend the file and run this again; it was left as it is' },
  );
}

/** @param {string} type */
function article(type) {
  return type === 'null' ? 'null' : /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** `CommaExpected` -> `comma expected`. @param {number} code */
function wordsFor(code) {
  return printParseErrorCode(code)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
}

module.exports = { withHooks, withStatusLine, withoutHooks, withoutStatusLine };
