// Works from the record: no checkout is needed.
pipeline {
  agent { label 'ciprov' }
  stages {
    stage('Down') {
      steps {
        sh 'ciprov env down "$NAME"'
      }
    }
  }
}
