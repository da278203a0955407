/** All tests, in one process: they share a broker and a database server. */

import './cases.test.js';
import './loader.test.js';
import './optimized.test.js';
import './behaviour.test.js';
import './consumer.test.js';
import './failures.test.js';
import './lifecycle.test.js';
import './live.test.js';
import './survival.test.js';
import './readme.test.js';
import './spec.test.js';
import './worker.test.js';
