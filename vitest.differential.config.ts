import { defineConfig } from "vitest/config"
import rocketmq from "./vitest.rocketmq.config.ts"

/** The embedded RocketMQ and a real one, asked the same: minutes of requests, so apart from the suite. */
export default defineConfig({
  ...rocketmq,
  test: { ...rocketmq.test, include: ["test/rocketmq/Differential.test.ts"], exclude: [] }
})
