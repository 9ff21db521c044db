import { error, ok, skipped, warning } from "../../../shared/diagnosis/findings.ts";
import type { Check } from "../contract.ts";
import { withConfiguration } from "../with-configuration.ts";

const OLDEST_NODE = [22, 19] as const;
/** The last major version that the tests run on. */
const NEWEST_TRIED_MAJOR = 24;
/** Database, logs, standard streams, threads. */
const DESCRIPTORS_BESIDE_CONNECTIONS = 128;

export const nodeVersion: Check = {
  id: "runtime.node",
  title: "the version of Node.js",
  isIndependent: true,
  run({ system: { nodeVersion: version } }) {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const subject = `Node.js ${version}`;
    const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
    if (isOld) return [error(subject, `older than ${OLDEST_NODE.join(".")}`, "install Node.js 24")];
    if (major > NEWEST_TRIED_MAJOR || major % 2 === 1)
      return [warning(subject, "not a version that Gatehouse is tested on", "install Node.js 24")];
    return [ok(subject, "supported")];
  },
};

/** Source: Linux proc_pid_limits(5). */
export const openFiles: Check = {
  id: "runtime.open-files",
  title: "how many files the server may open, against server.maxConnections",
  run: (context) =>
    withConfiguration(context, "open files", ({ server }) => {
      const writer = context.writer();
      const whose = writer.kind === "process" ? `process ${writer.pid}` : "this shell";
      const limits = context.system.readText(`/proc/${writer.kind === "process" ? writer.pid : "self"}/limits`);
      const text = /^Max open files\s+(\S+)/m.exec(limits ?? "")?.[1];
      if (text === undefined) return [skipped(whose, "the system does not tell the limit of open files")];
      const limit = text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text);
      const needed = server.maxConnections + DESCRIPTORS_BESIDE_CONNECTIONS;
      const subject = `open files of ${whose}`;
      if (limit >= needed) return [ok(subject, `${text}, enough for ${server.maxConnections} connections`)];
      return [
        warning(
          subject,
          `${text}, but ${server.maxConnections} connections need ${needed}; the rest cannot be accepted`,
          `ulimit -n ${needed} (LimitNOFILE=${needed} for systemd), or lower server.maxConnections`,
        ),
      ];
    }),
};
