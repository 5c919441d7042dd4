"""The steps of the GitHub Action (`action.yml`), as `python -I -m auditor.action STEP`.

    prepare   which entries are checked, by which files; needs no installed package
    install   the package from the action's own path, with the extras that are needed, in an environment of its own
    check     `auditor check`, `scan` or `scores` in a process of its own
    report    step summary, annotations, comment, outputs; needs no installed package, so that it always has a say
    conclude  ends with the exit code, so that all reports are written before the job fails
    relay     in a `workflow_run`: the comment for a pull request from a fork

The Action fails closed: whatever keeps it from checking ends in exit code 2 or 3 and a summary that says so. What a
pull request brings is data: no file of it is run, imported or taken for configuration.
"""
