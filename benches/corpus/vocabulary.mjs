// Vocabulary of the corpus: names of projects and files, prose in several scripts, and the needles that a search must find.

const PLAIN =
  'the of to and in is for that this with file test error session token parse value return function const await async struct impl match result option vector buffer stream retry quota limit reset handle branch commit merge rebase build cache index query table column schema route handler request response header body client server thread lock queue worker timer signal process memory latency budget window prompt answer summary plan step todo verify check assert expect fail pass skip panic unwrap clone borrow lifetime trait module crate package import export default interface type enum';
const FOREIGN = 'naïve café über straße 日本語 テスト 中文 данные сессия 🚀 ✅ ❌ → … — “quoted”';

export const WORDS = `${PLAIN} ${FOREIGN}`.split(' ');
export const DIRECTORIES = ['src', 'lib', 'crates/core/src', 'packages/web/app', 'tests', 'docs', 'internal/api', 'cmd', 'scripts'];
export const SUBJECTS = ['parser', 'lexer', 'session', 'recover', 'auth', 'billing', 'queue', 'router', 'index', 'schema', 'cache', 'worker', 'scheduler', 'migrate', 'render', 'store'];
export const ENDINGS_OF_FILES = ['.ts', '.rs', '.py', '.go', '.md', '.tsx', '.json', '.sql', '.sh'];
export const COMPANIES = ['acme', 'nova', 'zeta', 'kilo'];
export const REQUESTS = ['fix', 'refactor', 'explain', 'implement', 'investigate', 'please review', 'ünïcode:', '日本語で'];
export const TITLE_VERBS = ['Fix', 'Refactor', 'Étude of', 'Ship', 'Debug'];
export const SHELL_COMMANDS = ['cargo test', 'npm run build', 'git status', 'rg -n', 'pytest -q'];

/** Texts in known sessions: one in five of them, one in many, one beyond ASCII, one that JSON escapes. */
export const NEEDLES = { rare: 'xyzzy-rare-7f3a', mid: 'quuxfrob', unicode: 'naïve-façade-日本語', escaped: 'say "plugh" then\ntab\there' };

/** Returns some words with spaces between them. */
export function sentence(random, words) {
  return Array.from({ length: words }, () => random.pick(WORDS)).join(' ');
}

/** Returns a file of the project in this directory. */
export function filePath(random, directory) {
  return `${directory}/${random.pick(DIRECTORIES)}/${random.pick(SUBJECTS)}${random.below(40)}${random.pick(ENDINGS_OF_FILES)}`;
}
