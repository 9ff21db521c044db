import { StatusError } from "../../../shared/status-error.ts";
import type { IssuerRecord } from "../../domain/issuer.ts";
import type { RotationForce } from "../../domain/issuer-rotation.ts";
import { type Slots, slotsOf } from "../../domain/rotation-policy.ts";
import type {
  IssuerRotation,
  IssuerRotationStatus,
  Preparation,
  PrepareOutcome,
  RotationDependencies,
} from "./contract.ts";
import { conflict, notTrusted, stillAlive } from "./refusals.ts";
import { statusOf } from "./status.ts";
import { survey, trustShown } from "./survey.ts";
import type { TrustObserver } from "./trust.ts";

/** The administrators' and the scheduler's way to replace an issuer while it is in use. */
export function createIssuerRotation(deps: RotationDependencies & { readonly trust: TrustObserver }): IssuerRotation {
  const { records, issuers, keys, inUse, settings, trust, clock, logger } = deps;

  async function slots(name: string): Promise<Slots> {
    if (keys.names.includes(name)) return slotsOf(await issuers.list(), name);
    const details = { kind: "configured-issuers", name };
    throw new StatusError("NotFound", `no issuer ${name} is configured; /v1/configured-issuers lists them`, {
      details,
    });
  }

  /** The record is durable first; what fails afterwards is made up for by the next look at it, or the next start. */
  async function goOn(step: string, name: string, by: string, subjects: readonly string[]): Promise<void> {
    logger.info({ name, issuers: subjects, by }, step);
    await inUse.refresh();
  }

  async function prepareNow(name: string, wanted: Preparation, by: string): Promise<PrepareOutcome> {
    const { prepared, active } = await slots(name);
    if (prepared !== undefined) return { kind: "prepared", id: prepared.id };
    const refusal = keys.refusal(name);
    if (refusal !== undefined) throw conflict(refusal);
    if (active === undefined) throw conflict(`${name} has no issuer yet that could be replaced`);
    if (keys.isSignedElsewhere(name) && wanted.chainPem === undefined)
      return { kind: "awaitsCertificate", requestPem: await keys.request(name) };
    const made = await keys.make(name, wanted, active);
    const { id, bridgePem } = made;
    const details = { replaces: active.id, ...(bridgePem !== undefined && { bridge: bridgePem }) };
    await records.prepare(made, { at: clock.now(), by, details });
    await keys.settled(name);
    return { kind: "prepared", id };
  }

  async function activateNow(name: string, force: readonly RotationForce[], by: string): Promise<readonly string[]> {
    const { prepared, active, old } = await slots(name);
    if (prepared === undefined) {
      // The answer to the call that did it may have been lost.
      if (active !== undefined && old.length > 0) return [];
      throw conflict(`${name} has no prepared issuer; prepare one first`);
    }
    await keys.requireUsable(prepared);
    const now = clock.now();
    const { nodeNames } = await survey({ prepared, active, old }, records, now);
    const shown = trustShown(prepared, active, nodeNames, settings.consumers, trust);
    const isForced = force.includes("consumers-not-shown-to-trust");
    if (!isForced && shown.isGiven === undefined && shown.shown < shown.total)
      throw notTrusted(name, "activate it", shown);
    const { shown: holding, total, isGiven } = shown;
    const details = {
      trust: { holding, total, ...(isGiven && { isGiven }) },
      force: [...force],
      replaces: active?.id ?? "",
    };
    await records.activate(prepared.id, { at: now, by, details });
    return [prepared.id];
  }

  async function retireNow(
    name: string,
    id: string | undefined,
    force: readonly RotationForce[],
    by: string,
  ): Promise<readonly string[]> {
    const { prepared, active, old } = await slots(name);
    const chosen = old.filter((record) => id === undefined || record.id === id);
    if (chosen.length === 0) {
      if (await hasEnded(name, id)) return [];
      throw conflict(`${name} has no old issuer${id === undefined ? "" : ` ${id}`}; nothing is to be retired`);
    }
    const now = clock.now();
    const looked = await survey({ prepared, active, old }, records, now);
    const ids = chosen.map((record) => record.id);
    const isForced = force.includes("live-certificates");
    const busy = looked.slots.filter((slot) => ids.includes(slot.id) && slot.inTheWay > 0);
    const named = busy.flatMap((slot) => looked.inTheWay.get(slot.id) ?? []);
    if (busy.length > 0 && !isForced) throw stillAlive(name, busy, named);
    requireNoMoreBridge(name, active, chosen, looked.nodeNames, force);
    const liveCertificates = busy.reduce((total, { inTheWay }) => total + inTheWay, 0);
    await records.retire(ids, { at: now, by, details: { force: [...force], liveCertificates } }, isForced);
    return ids;
  }

  async function hasEnded(name: string, id: string | undefined): Promise<boolean> {
    const ended = (await issuers.list()).filter((record) => record.name === name && record.endedAt !== undefined);
    return ended.some((record) => record.slot === "old" && (id === undefined || record.id === id));
  }

  /** Whoever trusts the old issuer alone accepts the new one's certificates only by the bridge, which ends with the old. */
  function requireNoMoreBridge(
    name: string,
    active: IssuerRecord | undefined,
    old: readonly IssuerRecord[],
    nodeNames: ReadonlySet<string>,
    force: readonly RotationForce[],
  ): void {
    if (active?.bridgePem === undefined || force.includes("consumers-not-shown-to-trust")) return;
    const shown = trustShown(active, old[0], nodeNames, settings.consumers, trust);
    if (shown.shown < shown.total) throw notTrusted(name, "retire the old one", shown);
  }

  async function abandonNow(name: string, by: string): Promise<readonly string[]> {
    const { prepared } = await slots(name);
    if (prepared === undefined) {
      const records = await issuers.list();
      if (records.some((one) => one.name === name && one.slot === "prepared" && one.endedAt !== undefined)) return [];
      throw conflict(
        `${name} has no prepared issuer; what signs already cannot be abandoned, prepare another one instead`,
      );
    }
    await records.abandon(prepared.id, { at: clock.now(), by, details: {} });
    return [prepared.id];
  }

  async function destroyEnded(): Promise<void> {
    const ended = (await issuers.list()).filter(
      (record) => record.endedAt !== undefined && keys.names.includes(record.name),
    );
    for (const record of ended) {
      const isDone = await keys.destroy(record);
      if (!isDone)
        logger.debug({ name: record.name, issuer: record.id }, "the key of an ended issuer stays in its token");
    }
  }

  async function status(name: string): Promise<IssuerRotationStatus> {
    const found = await slots(name);
    const looked = await survey(found, records, clock.now());
    const { prepared, active, old } = found;
    const candidate = prepared ?? (old.length > 0 ? active : undefined);
    const former = prepared === undefined ? old[0] : active;
    const shown = candidate && trustShown(candidate, former, looked.nodeNames, settings.consumers, trust);
    return statusOf({ name, slots: found, survey: looked, trust: shown, refusal: keys.refusal(name) });
  }

  return {
    status,
    async statuses() {
      const all: IssuerRotationStatus[] = [];
      for (const name of keys.names) all.push(await status(name));
      return all;
    },
    async prepare(name, wanted, by) {
      const outcome = await inUse.exclusively(() => prepareNow(name, wanted, by));
      if (outcome.kind === "prepared")
        await goOn("an issuer is prepared: it is trusted, and does not sign yet", name, by, [outcome.id]);
      return outcome;
    },
    async activate(name, force, by) {
      const ids = await inUse.exclusively(() => activateNow(name, force, by));
      await goOn("an issuer is activated: it signs from now on", name, by, ids);
    },
    async retire(name, id, force, by) {
      const ids = await inUse.exclusively(() => retireNow(name, id, force, by));
      await goOn("an issuer is retired: it is trusted no more", name, by, ids);
      await destroyEnded();
    },
    async abandon(name, by) {
      const ids = await inUse.exclusively(() => abandonNow(name, by));
      await goOn("a prepared issuer is abandoned", name, by, ids);
      await destroyEnded();
    },
    async recover() {
      await destroyEnded();
      await inUse.exclusively(() => keys.forgetUnfinished());
    },
  };
}
