import { randomBytes } from "node:crypto";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "../domain/certificate-signing-request.ts";
import type { OutcomeRecords } from "../domain/ports.ts";
import type { ClusterConnection } from "./cluster-connection.ts";
import type { ClusterSettings } from "./cluster-settings.ts";

/** Objects of the cluster have their events here. Source: kubernetes staging/src/k8s.io/client-go/tools/events. */
const PATH = "/apis/events.k8s.io/v1/namespaces/default/events";
const CONTROLLER = "gatehouse.dev/controller";
/** More at a time are left out: they are for people, who would not read them. */
const MAXIMUM_UNDER_WAY = 64;
/** Source: kubernetes pkg/apis/core/validation/events.go. */
const MAXIMUM_NOTE_CHARACTERS = 1024;

export interface EventsDependencies {
  readonly cluster: Pick<ClusterConnection, "send">;
  readonly wanted: ClusterSettings["events"];
  /** Which replica tells. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "debug">;
}

/** Tells people who look at a request or a Node what became of it. */
export interface Events {
  /** What was recorded of a request. Never throws: work does not wait for events, nor depend on them. */
  readonly tell: (csr: CertificateSigningRequest, records: OutcomeRecords) => void;
}

interface Told {
  readonly type: "Normal" | "Warning";
  readonly action: string;
  readonly reason: string;
  readonly note: string;
}

export function createEvents({ cluster, wanted, instance, clock, logger }: EventsDependencies): Events {
  let underWay = 0;

  function send(regarding: object, { type, action, reason, note }: Told): void {
    if (underWay >= MAXIMUM_UNDER_WAY) return;
    underWay += 1;
    const event = {
      ...{ apiVersion: "events.k8s.io/v1", kind: "Event", type, action, reason, regarding },
      // Names of requests are not all names of events.
      metadata: { name: `gatehouse-${randomBytes(10).toString("hex")}`, namespace: "default" },
      eventTime: clock.now().toISOString().replace("Z", "000Z"),
      ...{ reportingController: CONTROLLER, reportingInstance: instance },
      note: note.slice(0, MAXIMUM_NOTE_CHARACTERS),
    };
    const failed = (err: unknown): void => logger.debug({ err, reason }, "could not tell the cluster of an event");
    void cluster
      .send("POST", PATH, event)
      .catch(failed)
      .finally(() => {
        underWay -= 1;
      });
  }

  return {
    tell(csr, { decision, certificate }) {
      if (wanted === "none") return;
      const { name, uid } = csr.metadata;
      const request = { apiVersion: CSR_API_VERSION, kind: CSR_KIND, name, uid };
      if (decision?.outcome === "denied") {
        const isFailure = csr.status.conditions?.some(({ type }) => type === "Failed") === true;
        const action = isFailure ? "Sign" : "Approve";
        send(request, { type: "Warning", action, reason: decision.reason, note: decision.message });
      }
      if (certificate === undefined || wanted !== "all") return;
      const note = `certificate ${certificate.serial}, valid until ${certificate.notAfter.toISOString()}`;
      const issued: Told = { type: "Normal", action: "Sign", reason: "CertificateIssued", note };
      send(request, issued);
      // As kubelets name their Node in events: by its name, the uid not being known.
      const { nodeName, signerName } = certificate;
      if (nodeName === undefined) return;
      send(
        { apiVersion: "v1", kind: "Node", name: nodeName, uid: nodeName },
        { ...issued, note: `${signerName}: ${note}` },
      );
    },
  };
}
