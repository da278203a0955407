// The same module for `import`: one set of classes in a process, whichever way it is loaded.
export * from './index.js';
