import { error, type Finding, messageOf, ok, skipped } from "../../../shared/diagnosis/findings.ts";
import type { Check } from "../contract.ts";

const FAILED = /^\[-\](\S+)/;

export const serverReady: Check = {
  id: "server.ready",
  title: "what the running server says of itself (/readyz)",
  async run({ server, withoutServer, isServerNamed, writer }, signal) {
    if (server === undefined) return [skipped("server", withoutServer)];
    try {
      const { status, body } = await server.get("/readyz?verbose", signal);
      if (status === 200) return [ok(server.url, "is ready")];
      return failedFindings(server.url, status, body);
    } catch (thrown) {
      const isExpected = isServerNamed || writer().kind === "process";
      const text = messageOf(thrown);
      if (!isExpected) return [skipped(server.url, `no server is running: ${text}`)];
      return [error(server.url, text, "start the server, or name another --kubeconfig; --offline leaves it out")];
    }
  },
};

function failedFindings(url: string, status: number, body: string): readonly Finding[] {
  const failed = body.split("\n").flatMap((line) => FAILED.exec(line)?.[1] ?? []);
  if (failed.length === 0) return [error(url, `answered ${status}`, "is it a Gatehouse server? Look into its log")];
  return failed.map((check) => error(url, `its check ${check} fails`, `look into the server's log for ${check}`));
}
