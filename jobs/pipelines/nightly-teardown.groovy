// The report tells of each environment what was decided and why. Where a removal fails, so does the build.
pipeline {
  agent { label 'ciprov' }
  options { disableConcurrentBuilds() }
  stages {
    stage('Reap') {
      steps {
        script {
          def dry = params.DRY_RUN ? '--dry-run' : ''
          def code = sh(
            script: 'ciprov env reap --git-remote "$REPOSITORY" --idle "$IDLE" -o json ' + dry + ' > reaped.json',
            returnStatus: true
          )
          // 2: a dry run that would remove something.
          if (code != 0 && !(params.DRY_RUN && code == 2)) {
            error "ciprov env reap ended with ${code}: see reaped.json"
          }
        }
      }
    }
  }
  post {
    always { archiveArtifacts artifacts: 'reaped.json', allowEmptyArchive: true }
  }
}
