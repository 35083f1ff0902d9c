// Runs the tests of every test_*.mjs beside it, one after another. Such a file exports `tests`: [name, async (world) => …]; a test
// fails by throwing, and is skipped by throwing `skip(why)`. The last line is "N passed, N failed, N skipped".
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Skipped } from './browser.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const base = `http://${process.env.TANDEM_LISTEN}`;
const only = process.argv.slice(2);
const count = { passed: 0, failed: 0, skipped: 0 };

async function run(name, test) {
  const began = Date.now();
  const end = (word, more = '') => console.log(`[${word.padStart(7)} ] ${name} (${Date.now() - began} ms)${more}`);
  try {
    await test({ base });
    count.passed++;
    end('OK');
  } catch (error) {
    if (error instanceof Skipped) {
      count.skipped++;
      end('SKIPPED', `: ${error.message}`);
    } else {
      count.failed++;
      end('FAILED', `\n${error.stack}`);
    }
  }
}

for (const file of readdirSync(here).filter((name) => /^test_.*\.mjs$/.test(name)).sort()) {
  const { tests, close } = await import(join(here, file));
  console.log(`== ${file}`);
  for (const [name, test] of tests) if (only.every((word) => name.includes(word))) await run(name, test);
  await close?.();
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = count.failed || !count.passed ? 1 : 0;
