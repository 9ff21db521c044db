import { NODE_WRITES } from "./writes/nodes.ts";
import { OTHER_WRITES } from "./writes/others.ts";
import { POD_CREATIONS, POD_WRITES } from "./writes/pods.ts";
import { TOKEN_REQUESTS } from "./writes/tokens.ts";
import type { WriteRow } from "./writes/write-row.ts";

/** What nodes write, by what they write to. Nothing of it is kept: all are dry runs. */
export const WRITE_ROWS: Readonly<Record<string, readonly WriteRow[]>> = {
  "new pods": POD_CREATIONS,
  pods: POD_WRITES,
  nodes: NODE_WRITES,
  tokens: TOKEN_REQUESTS,
  "everything else": OTHER_WRITES,
};
