// Bundles what lies beside it and writes it as a C table: node build.mjs INTO (the folder with node_modules).
//
// A page is a folder NAME with index.html, main.js or main.jsx (which imports its own style sheet) and, if need be, public/:
//   NAME/index.html   -> GET /NAME (of console: GET /)
//   NAME/main.js[x]   -> GET /assets/NAME.js and /assets/NAME.css
//   NAME/public/FILE  -> GET /assets/FILE
// tracker/tracker.js, which other sites' pages load, becomes GET /tracker.js.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const into = resolve(process.argv[2]);
const esbuild = createRequire(join(into, 'package.json'))('esbuild');

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};
const compressible = new Set(['.html', '.js', '.css', '.svg', '.webmanifest']);

/** What an entry point becomes, as [name, bytes]. */
async function bundle(entry, name, format, target) {
  const built = await esbuild.build({
    entryPoints: { [name]: entry },
    outdir: into,
    write: false,
    bundle: true,
    minify: true,
    format,
    target,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    nodePaths: [join(into, 'node_modules')],
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  });
  return built.outputFiles.map((file) => [name + extname(file.path), Buffer.from(file.contents)]);
}

async function page(name, files) {
  const folder = join(here, name);
  const entry = ['main.jsx', 'main.js'].map((file) => join(folder, file)).find(existsSync);
  files.set(name === 'console' ? '/' : `/${name}`, ['.html', readFileSync(join(folder, 'index.html'))]);
  if (entry)
    for (const [file, bytes] of await bundle(entry, name, 'esm', 'es2020')) files.set(`/assets/${file}`, [extname(file), bytes]);
  const extra = join(folder, 'public');
  if (existsSync(extra))
    for (const file of readdirSync(extra))
      files.set(`/assets/${file}`, [extname(file), readFileSync(join(extra, file))]);
}

async function collect() {
  const files = new Map();
  for (const name of readdirSync(here))
    if (statSync(join(here, name)).isDirectory() && existsSync(join(here, name, 'index.html'))) await page(name, files);
  const tracker = join(here, 'tracker', 'tracker.js');
  if (existsSync(tracker)) {
    const [[, bytes]] = await bundle(tracker, 'tracker', 'iife', 'es2018');
    files.set('/tracker.js', ['.js', bytes]);
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function cArray(name, bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 32) lines.push([...bytes.subarray(at, at + 32)].join(','));
  return `static const unsigned char ${name}[] = {\n${lines.join(',\n') || '0'}};\n`;
}

function cTable(files) {
  let arrays = '';
  let rows = '';
  let n = 0;
  for (const [path, [extension, plain]] of files) {
    if (!types[extension]) throw new Error(`${path}: no content type for ${extension}`);
    const etag = createHash('sha256').update(plain).digest('hex').slice(0, 20);
    const zipped = compressible.has(extension) ? gzipSync(plain, { level: 9 }) : null;
    const gzip = zipped && zipped.length < plain.length;
    arrays += cArray(`plain_${n}`, plain);
    if (gzip) arrays += cArray(`gzip_${n}`, zipped);
    const gzipPart = gzip ? `gzip_${n}, sizeof gzip_${n}` : 'NULL, 0';
    rows += `    {"${path}", "${types[extension]}", "${etag}", plain_${n}, ${plain.length}, ${gzipPart}},\n`;
    n++;
  }
  return `${arrays}static const struct static_file files[] = {\n${rows}};\n`;
}

const files = await collect();
writeFileSync(join(into, 'static_files.inc.new'), cTable(files));
renameSync(join(into, 'static_files.inc.new'), join(into, 'static_files.inc'));
