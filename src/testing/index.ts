/** What apps are tested with. Every module is also importable by its sub-path, such as `effect-rocketmq/testing/Fault`. */
export * as EmbeddedRocketMQ from "./EmbeddedRocketMQ.ts"
export * as Fault from "./Fault.ts"
export * as Journal from "./Journal.ts"
export * as LoadBalancer from "./LoadBalancer.ts"
export * as TestRocketMQ from "./TestRocketMQ.ts"
