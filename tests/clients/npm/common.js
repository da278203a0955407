'use strict';
// What both JavaScript checkers need: the installed packages, the files, the compiler, the verdicts.

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const installed = process.env.LAGPROOF_NPM;
if (!installed) throw new Error('LAGPROOF_NPM must name the folder that holds node_modules; ../run sets it');
const load = createRequire(path.join(installed, 'package.json'));

/** The parsed file; a section that the format does not have is an error. */
function read(file, sections) {
  const document = JSON.parse(fs.readFileSync(file, 'utf8'));
  for (const name of Object.keys(document)) {
    if (!sections.includes(name)) throw new Error(`unknown section: ${name}`);
  }
  return document;
}

/**
 * Runs the TypeScript compiler over sources (a Map from file to TypeScript text) and returns a Map from file to errors.
 * Literals are written into the source, since only literals are checked for properties that the type does not have.
 */
function typeErrors(sources) {
  const ts = load('typescript');
  const names = new Map([...sources.keys()].map((file, i) => [path.join(installed, `checked-${i}.ts`), file]));
  const options = { strict: true, noEmit: true, skipLibCheck: true, types: ['node'], typeRoots: [path.join(installed, 'node_modules/@types')],
    module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const text = name => names.has(path.normalize(name)) ? sources.get(names.get(path.normalize(name))) : undefined;
  host.fileExists = name => text(name) !== undefined || fileExists(name);
  host.readFile = name => text(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => text(name) === undefined
    ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text(name), version, true);

  const errors = new Map([...sources.keys()].map(file => [file, []]));
  for (const found of ts.getPreEmitDiagnostics(ts.createProgram([...names.keys()], options, host))) {
    const message = ts.flattenDiagnosticMessageText(found.messageText, ' ');
    const file = found.file && names.get(path.normalize(found.file.fileName));
    if (!file) throw new Error(`the compiler itself is not set up: ${message}`);
    errors.get(file).push(`tsc: ${message}`);
  }
  return errors;
}

/** Checks all files: types first, all in one compilation, then `construct(document)` of each, which returns or throws complaints. */
async function main({ sections, source, construct }) {
  const files = process.argv.slice(2);
  const documents = new Map();
  const found = new Map(files.map(file => [file, []]));
  for (const file of files) {
    try { documents.set(file, read(file, sections)); } catch (error) { found.get(file).push(error.message); }
  }
  const errors = typeErrors(new Map([...documents].map(([file, document]) => [file, source(document)])));
  for (const [file, document] of documents) {
    found.get(file).push(...errors.get(file));
    try { found.get(file).push(...await construct(document)); } catch (error) { found.get(file).push(error.message); }
  }
  for (const [file, texts] of found) {
    const reason = texts.join('; ').replace(/\s+/g, ' ');
    process.stdout.write(reason ? `fail\t${file}\t${reason}\n` : `pass\t${file}\n`);
  }
}

module.exports = { load, main };
