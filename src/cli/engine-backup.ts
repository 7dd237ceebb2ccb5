process.stderr.write("engine-backup: not written yet\n");
process.exitCode = 1;
