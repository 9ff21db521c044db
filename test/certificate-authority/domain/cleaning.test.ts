import { expect, test } from "@jest/globals";
import type { CsrStatus } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { cleaningReason } from "../../../services/certificate-authority/domain/cleaning.ts";
import { condition, request } from "../../builders/request.ts";

const NOW = new Date("2026-01-10T00:00:00Z");
const HOUR = 3600;
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000).toISOString().replace(".000", "");
const since = (type: string, seconds: number) => condition(type, { lastUpdateTime: ago(seconds) });
const { lastUpdateTime: _never, ...TIMELESS } = condition("Denied");

/** Certificates in these tests are instants; `unreadable` does not parse. */
const notAfterOf = (text: string) => (text === "unreadable" ? undefined : new Date(text));
const VALID = "2026-02-01T00:00:00Z";

interface Row {
  readonly name: string;
  readonly created?: string;
  readonly status: CsrStatus;
  readonly reason: string | undefined;
}

test.each<Row>([
  { name: "pending for 24 h", created: ago(24 * HOUR), status: {}, reason: undefined },
  { name: "pending for longer", created: ago(24 * HOUR + 1), status: {}, reason: "pendingTooLong" },
  { name: "pending since nobody knows when", created: "", status: {}, reason: undefined },
  {
    name: "only a custom condition, for years",
    created: "2020-01-01T00:00:00Z",
    status: { conditions: [condition("Custom", { lastUpdateTime: "2020-01-01T00:00:00Z" })] },
    reason: undefined,
  },

  { name: "denied for 1 h", status: { conditions: [since("Denied", HOUR)] }, reason: undefined },
  { name: "denied for longer", status: { conditions: [since("Denied", HOUR + 1)] }, reason: "deniedLongAgo" },
  { name: "denied at no time", status: { conditions: [TIMELESS] }, reason: undefined },
  {
    name: "denied just now, transition long ago",
    status: { conditions: [condition("Denied", { lastUpdateTime: ago(0), lastTransitionTime: ago(99 * HOUR) })] },
    reason: undefined,
  },
  { name: "failed for 1 h", status: { conditions: [since("Failed", HOUR)] }, reason: undefined },
  { name: "failed for longer", status: { conditions: [since("Failed", HOUR + 1)] }, reason: "failedLongAgo" },
  {
    name: "a condition's status does not matter",
    status: { conditions: [{ ...since("Failed", HOUR + 1), status: "False" }] },
    reason: "failedLongAgo",
  },
  {
    name: "approved just now, failed long ago",
    status: { conditions: [since("Approved", 0), since("Failed", HOUR + 1)] },
    reason: "failedLongAgo",
  },

  { name: "approved for 24 h", status: { conditions: [since("Approved", 24 * HOUR)] }, reason: undefined },
  {
    name: "approved for longer, never issued",
    status: { conditions: [since("Approved", 24 * HOUR + 1)] },
    reason: "approvedNeverIssued",
  },
  {
    name: "issued, approved for 1 h",
    status: { conditions: [since("Approved", HOUR)], certificate: VALID },
    reason: undefined,
  },
  {
    name: "issued, approved for longer",
    status: { conditions: [since("Approved", HOUR + 1)], certificate: VALID },
    reason: "issuedLongAgo",
  },
  {
    name: "issued, expiring this instant",
    status: { conditions: [since("Approved", 0)], certificate: NOW.toISOString() },
    reason: undefined,
  },
  {
    name: "issued and expired",
    status: { conditions: [since("Approved", 0)], certificate: ago(1) },
    reason: "certificateExpired",
  },
  {
    name: "issued, unreadable, young",
    status: { conditions: [since("Approved", 0)], certificate: "unreadable" },
    reason: undefined,
  },
  {
    name: "issued, unreadable, old",
    status: { conditions: [since("Approved", HOUR + 1)], certificate: "unreadable" },
    reason: "issuedLongAgo",
  },
  {
    name: "expired but never approved",
    status: { conditions: [condition("Custom")], certificate: ago(1) },
    reason: undefined,
  },
  {
    name: "approved in the future",
    status: { conditions: [since("Approved", -HOUR)], certificate: VALID },
    reason: undefined,
  },
])("cleaningReason: $name", ({ created = ago(0), status, reason }) => {
  const csr = request({ metadata: { creationTimestamp: created }, status });
  expect(cleaningReason(csr, NOW, notAfterOf)).toBe(reason);
});
