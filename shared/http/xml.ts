// The reader of XML, of clients and of providers. As CommonJS it loads in 3 ms, as modules in 20, and every service loads
// it with the configuration.
import { createRequire } from 'node:module';

const library: typeof import('fast-xml-parser') = createRequire(import.meta.url)('fast-xml-parser');

export const { XMLParser, XMLValidator } = library;
