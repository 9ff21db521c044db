export type {
  Change,
  Issuance,
  IssuanceDependencies,
  IssuanceObserver,
  IssuanceSettings,
  Phase,
  Removal,
  RemovePreconditions,
  WriteOptions,
} from "./contract.ts";
