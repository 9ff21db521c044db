const MIN_NODE = [22, 19] as const;
/** better-sqlite3 13 crashes the process, rather than throwing, on anything older. */
const MIN_NODE_API = 10;

export interface RuntimeVersions {
  readonly node: string;
  readonly napi: string | undefined;
}

/**
 * Why this Node cannot run Gatehouse, and what to do; undefined when it can. Uses nothing that an old Node lacks, since
 * it is asked before anything else is loaded.
 */
export function runtimeProblem({ node, napi }: RuntimeVersions): string | undefined {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  const isNewEnough = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  if (isNewEnough && Number(napi) >= MIN_NODE_API) return undefined;
  return [
    `gatehouse needs Node.js ${MIN_NODE.join(".")} or newer with Node-API ${MIN_NODE_API};`,
    `this is Node.js ${node} with Node-API ${napi || "unknown"}.`,
    "Install a newer Node.js, or, in a checkout, run scripts/gatehouse, which finds or brings one.",
  ].join(" ");
}
