import type { Gauge } from "prom-client";
import type { IssuerRotationStatus } from "../rotation/issuers/contract.ts";

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

const PHASES = ["awaitingIssuer", "steady", "prepared", "replacing"] as const;

/** Gauges of where the rotation of issuers stands. */
export function rotationGauges(gauge: MakeGauge): (statuses: readonly IssuerRotationStatus[] | undefined) => void {
  const phase = gauge(
    "gatehouse_issuer_rotation_phase",
    "1 for the phase that an issuer's rotation is in: awaitingIssuer, steady, prepared or replacing",
    ["name", "phase"],
  );
  const live = gauge(
    "gatehouse_issuer_live_certificates",
    "Certificates of an issuer that are neither expired nor revoked, by its slot",
    ["name", "slot", "issuer"],
  );
  const nodes = gauge(
    "gatehouse_issuer_node_certificates",
    "Live certificates of nodes that have none after them, by the slot of their issuer",
    ["name", "slot", "issuer"],
  );
  const consumers = gauge(
    "gatehouse_issuer_consumers",
    "Nodes and consumers that are shown to trust the issuer that is prepared, or that has just been activated, or are not",
    ["name", "trust"],
  );
  return (statuses) => {
    if (statuses === undefined) return;
    for (const each of [phase, live, nodes, consumers]) each.reset();
    for (const { name, phase: current, slots, trust } of statuses) {
      for (const one of PHASES) phase.set({ name, phase: one }, one === current ? 1 : 0);
      for (const { slot, id, liveCertificates, nodeCertificates } of slots) {
        const labels = { name, slot, issuer: id.slice(0, 16) };
        live.set(labels, liveCertificates);
        nodes.set(labels, nodeCertificates);
      }
      if (trust === undefined) continue;
      consumers.set({ name, trust: "shown" }, trust.shown);
      consumers.set({ name, trust: "missing" }, trust.total - trust.shown);
    }
  };
}
