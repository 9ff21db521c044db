import { fileURLToPath } from "node:url";

/**
 * Has every thread and process that tests start keep what Node compiled. Most tests open a ledger, whose writer is a thread
 * of its own: more than half of its start is stripping and compiling the same modules again.
 */
export default function keepCompiledModules() {
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../node_modules/.cache/compiled", import.meta.url));
}
